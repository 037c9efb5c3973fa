import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ControlServer, ExitCode, runProgram } from 'xia-core';
import { GuestFence, OwnershipFile } from '../../../migrate/src/state/index.js';
import { xmigrateProgram } from '../../../migrate/src/xmigrate/program.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const guest = `HID:${'a'.repeat(40)}`;

describe('the fence of a guest', () => {
  let folder: string;
  let control: string;
  let asked: string[];
  let faults: string[];

  /** A host that notes what it is asked. */
  const startHost = async (): Promise<void> => {
    folder = await temporaryFolder();
    control = join(folder, 'host.ctl');
    const handler = (method: string) => (params: Record<string, unknown>) => {
      asked.push(`${method} ${String(params['hid'])}`);
      return {};
    };
    const server = await ControlServer.listen(control, { fence: handler('fence'), unfence: handler('unfence') });
    onTestFinished(async () => server.close());
  };

  beforeEach(() => {
    asked = [];
    faults = [];
  });

  afterEach(() => vi.restoreAllMocks());

  it('tells the host what it is asked, in that order', async () => {
    await startHost();
    const fence = new GuestFence({ control, guest, onFault: (reason) => faults.push(reason) });
    fence.raise();
    fence.lift();
    fence.raise();
    await fence.settled();
    expect(asked).toEqual([`fence ${guest}`, `unfence ${guest}`, `fence ${guest}`]);
    expect(faults).toEqual([]);
  });

  it('says that a host could not be told, and goes on', async () => {
    await startHost();
    const fence = new GuestFence({ control: join(folder, 'nobody.ctl'), guest, onFault: (reason) => faults.push(reason) });
    fence.raise();
    await fence.settled();
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('nobody.ctl');
  });

  it('is lifted by who takes the VM back', async () => {
    await startHost();
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const file = new OwnershipFile(folder, 'vm1');
    file.write({ role: 'source', phase: 'handed-over' });
    const words = ['node', 'xmigrate', 'take-back', '--vm', 'vm1', '--state', folder, '--destination-does-not-run-it'];
    expect(await runProgram((signal) => xmigrateProgram(signal), [...words, '--guest', guest])).toBe(ExitCode.USAGE);
    expect(file.read()?.phase).toBe('handed-over');
    expect(await runProgram((signal) => xmigrateProgram(signal), [...words, '--guest', guest, '--host-control', control])).toBe(
      ExitCode.OK,
    );
    expect(asked).toEqual([`unfence ${guest}`]);
  });
});
