import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { endsByPid, nameProfiles, profiledXmigrate, profileOptions, profilePid } from '../../../tools/src/bench/profiles.js';

const PROFILE = 'CPU.20261121.184424.29759.0.001.cpuprofile';

test('a profile is known by the process in its name', () => {
  expect(profilePid(PROFILE)).toBe(29_759);
  expect(profilePid(`R1.${PROFILE}`)).toBeUndefined();
});

test('options come before the program', () => {
  expect(profileOptions(undefined)).toEqual([]);
  expect(profiledXmigrate('/tmp/p').slice(1, 3)).toEqual(['--cpu-prof', '--cpu-prof-dir=/tmp/p']);
});

test('profiles of the two ends get their names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xia-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [logs, profiles] = [join(folder, 'logs'), join(folder, 'profiles')];
  await mkdir(logs);
  await mkdir(profiles);
  await writeFile(join(logs, 'vm-3.send.1700000000000.jsonl'), '{"event":"started","pid":29759}\n');
  await writeFile(join(logs, 'R1.log'), '{"pid":1}\n');
  await writeFile(join(profiles, PROFILE), '{}');
  await nameProfiles(profiles, await endsByPid(logs));
  expect(await readdir(profiles)).toEqual([`vm-3.send.${PROFILE}`]);
});
