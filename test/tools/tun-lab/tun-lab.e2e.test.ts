import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { XiaError, type LinkShape } from 'xia-core';
import { runTcpFlow, withTunLab, type TunLab } from '../../../tools/src/tun-lab/index.js';
import { projectRoot, until } from '../../e2e/programs.js';

const execute = promisify(execFile);

/** 20 Mbit/s, a round trip of 20 ms, and a queue of one. */
const LINK: LinkShape = { delayMs: 10, bytesPerSecond: 2_500_000, queueBytes: 50_000 };

/** Why there is no laboratory on this system, as the library says it; undefined where there is one. */
async function refusal(): Promise<unknown> {
  return withTunLab({ link: { there: LINK } }, async () => undefined).catch((error: unknown) => error);
}
const refused = await refusal();

/** A test of the laboratory; where the system has none, that it says so is what is tested. */
function inLab(name: string, test: () => Promise<void>): void {
  it(name, async () => {
    if (refused === undefined) return test();
    expect(refused).toBeInstanceOf(XiaError);
    expect(refused).toMatchObject({ code: 'missing-prerequisite' });
    const ended = await execute(process.execPath, [join(projectRoot, 'tools', 'bootstrap.mjs'), 'lab:tcp', '--seconds', '1']).catch(
      (error: unknown) => error,
    );
    expect(ended).toMatchObject({ code: 6, stderr: expect.stringContaining((refused as XiaError).message) });
  });
}

async function leftOf(pid: number): Promise<string[]> {
  const [namespaces, links] = await Promise.all([execute('ip', ['netns', 'list']), execute('ip', ['-o', 'link'])]);
  return `${namespaces.stdout}${links.stdout}`.split('\n').filter((line) => line.includes(`xialab-${pid}-`) || line.includes(`xl${pid}`));
}

async function aDeadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid!;
}

describe('the laboratory of two network namespaces', () => {
  inLab("lets the kernel's TCP use the link's rate, and less of it when packets are lost", async () => {
    const measured = async (link: LinkShape) =>
      withTunLab({ link: { there: link, back: LINK } }, async (lab) => {
        const flow = await runTcpFlow(lab, { algorithm: 'cubic', seconds: 2.5, warmupSeconds: 0.5 });
        return { flow, report: await lab.report() };
      });
    const clean = await measured(LINK);
    const lossy = await measured({ ...LINK, loss: 0.03 });
    expect(clean.flow.steadyMbit).toBeGreaterThan(0.8 * 20);
    expect(clean.flow.steadyMbit).toBeLessThan(20);
    expect(clean.report).toMatchObject({ missed: 0, refused: 0 });
    expect(clean.report.there.mostQueuedBytes).toBeLessThanOrEqual(50_000);
    expect(lossy.report.there.dropped['loss']).toBeGreaterThan(0);
    expect(lossy.flow.steadyMbit).toBeLessThan(0.6 * clean.flow.steadyMbit);
    expect(await leftOf(process.pid)).toEqual([]);
  });

  inLab('has the delay of the link, and can be changed', async () => {
    await withTunLab({ link: { there: LINK } }, async (lab) => {
      const ping = async () => {
        const child = lab.left.spawn(process.execPath, ['-e', connectScript(lab.right.address)], { stdio: ['ignore', 'pipe', 'inherit'] });
        const [text] = (await once(child.stdout!, 'data')) as [Buffer];
        return Number(text);
      };
      // A port where nobody listens: the refusal is back after a round trip.
      const before = await ping();
      await lab.reshape({ ...LINK, delayMs: 60 });
      const after = await ping();
      expect(before).toBeGreaterThan(19.9);
      expect(before).toBeLessThan(60);
      expect(after).toBeGreaterThan(119.9);
    });
  });

  inLab('is ended by its signal, with what runs in it', async () => {
    const controller = new AbortController();
    let inside: TunLab | undefined;
    const sleeping: ReturnType<TunLab['left']['spawn']>[] = [];
    const lab = withTunLab({ link: 'lan', signal: controller.signal }, async (given) => {
      inside = given;
      sleeping.push(given.left.spawn('sleep', ['1000']), given.right.spawn('sleep', ['1000']));
      await new Promise(() => {});
    });
    const ended = lab.catch((error: unknown) => error);
    await until(() => sleeping.length === 2, 20_000, 'the laboratory stands');
    expect(inside!.left.address).not.toBe(inside!.right.address);
    const reason = new XiaError('interrupted', 'enough');
    controller.abort(reason);
    expect(await ended).toBe(reason);
    expect(sleeping.map(({ signalCode }) => signalCode)).toEqual(['SIGTERM', 'SIGTERM']);
    expect(await leftOf(process.pid)).toEqual([]);
  });

  inLab('leaves nothing when its process is killed', async () => {
    const child = spawn(process.execPath, [join(projectRoot, 'tools', 'bootstrap.mjs'), 'lab:tcp', '--seconds', '100'], {
      stdio: 'ignore',
    });
    await until(async () => (await leftOf(child.pid!)).length >= 2, 30_000, 'the laboratory stands');
    await delay(300);
    child.kill('SIGKILL');
    await until(async () => (await leftOf(child.pid!)).length === 0, 20_000, 'the namespaces are gone');
  });

  inLab('removes what an earlier one has left, and nothing of one that runs', async () => {
    const stale = `xialab-${await aDeadPid()}-0-left`;
    await execute('ip', ['netns', 'add', stale]);
    await withTunLab({ link: 'lan' }, async ({ left }) => {
      await withTunLab({ link: 'lan' }, async ({ left: other }) => expect(other.namespace).not.toBe(left.namespace));
      const { stdout } = await execute('ip', ['netns', 'list']);
      expect(stdout).toContain(left.namespace);
      expect(stdout).not.toContain(stale);
    });
  });
});

/** Prints how long a connection to a port where nobody listens takes to be refused, ms. */
function connectScript(address: string): string {
  return `const began = performance.now();
    require('node:net').connect(9, '${address}').on('error', () => console.log(performance.now() - began));`;
}
