import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { warmUp } from '../../../migrate/src/standby/warm-up.js';

const ours = () => readdirSync(tmpdir()).filter((name) => new RegExp(`^xmigrate-(warm-up|qemu)-${process.pid}-`).test(name));

it('plays moves to their end, and leaves nothing behind', async () => {
  const before = process.getActiveResourcesInfo();
  await warmUp([2, 1], new AbortController().signal);
  expect(ours()).toEqual([]);
  await expect
    .poll(() => process.getActiveResourcesInfo().filter((kind) => /Wrap/.test(kind)).length, { timeout: 10_000 })
    .toBeLessThanOrEqual(before.filter((kind) => /Wrap/.test(kind)).length);
});

it('ends early where somebody waits', async () => {
  const hurry = new AbortController();
  const ended = warmUp([1000, 1000], hurry.signal);
  setTimeout(() => hurry.abort(), 500);
  await ended;
  expect(ours()).toEqual([]);
});
