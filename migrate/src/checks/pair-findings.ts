import { fault, warning, type Finding } from './finding.js';
import type { MachineFacts } from './machine-facts.js';

/** Capabilities that need more than the one-way stream of a command, or another stream than `xmigrate` carries. */
const NOT_BY_COMMAND = new Set([
  'background-snapshot',
  'multifd',
  'postcopy-ram',
  'postcopy-preempt',
  'rdma-pin-all',
  'return-path',
  'x-colo',
  'zero-copy-send',
]);
/** Capabilities that change the stream so that the destination must know. */
const SAME_ON_BOTH = ['compress', 'dirty-bitmaps', 'mapped-ram', 'validate-uuid', 'x-ignore-shared'];
/** 64 pages. */
const LOSS_BYTES = 262_144;
const MIGRATING = new Set(['setup', 'active', 'pre-switchover', 'device', 'cancelling', 'postcopy-active', 'wait-unplug']);

const release = ({ version }: MachineFacts) => `${version.major}.${version.minor}`;
/** `pc-q35-7.2-machine` is what the command line calls `pc-q35-7.2`. */
const optionName = (machine: string) => machine.replace(/-machine$/, '');
const modelName = (model: string) => model.replace(/-(x86_64|i386)-cpu$/, '');

/** Why these two machines cannot take over from each other; empty when they can. */
export function pairFindings(source: MachineFacts, destination: MachineFacts): Finding[] {
  return [
    ...stateFindings(source, destination),
    ...machineFindings(source, destination),
    ...capabilityFindings(source, destination),
    ...lossFindings(source),
  ];
}

/**
 * Under TCG, QEMU 7.2 overlooks writes of a guest during a migration, whatever carries it, where the memory is a multiple of 64 pages (see
 * `qemu-arguments.ts`). Other releases were not looked at.
 */
function lossFindings({ accelerator, version, memoryBytes }: MachineFacts): Finding[] {
  const isAffected = accelerator === 'tcg' && version.major === 7 && version.minor === 2 && memoryBytes % LOSS_BYTES === 0;
  if (!isAffected) return [];
  const what = 'QEMU 7.2 without KVM may lose some of what a guest with this much memory writes while it moves, whatever carries it';
  return [warning('source', what, `give the guest 64 KiB more: "-m ${memoryBytes / 1024 + 64}K" (at both ends, before it boots)`)];
}

function stateFindings(source: MachineFacts, destination: MachineFacts): Finding[] {
  const found: Finding[] = [];
  if (source.status !== 'running' && source.status !== 'paused') {
    const todo =
      source.status === 'postmigrate' ? 'it was moved already: see "xmigrate status"' : 'start the guest, or name the QEMU that runs it';
    found.push(fault('source', `it does not run a guest: its state is "${source.status}"`, todo));
  }
  if (MIGRATING.has(source.migration)) {
    found.push(fault('source', `it is migrating already (${source.migration})`, 'wait for that migration, or stop its xmigrate'));
  }
  if (destination.status !== 'inmigrate') {
    const todo = 'start an empty QEMU there with "-incoming defer"';
    found.push(fault('destination', `it does not wait for a guest: its state is "${destination.status}"`, todo));
  }
  for (const reason of source.blockers) {
    found.push(fault('source', `QEMU cannot migrate this machine: ${reason}`, 'remove the device or the setting, then try again'));
  }
  return found;
}

function machineFindings(source: MachineFacts, destination: MachineFacts): Finding[] {
  const found: Finding[] = [];
  const differs = (what: string, from: string | number, to: string | number, todo: string) => {
    if (from !== to) found.push(fault('both', `the ${what} differ${what === 'memory' ? 's' : ''}: ${from} and ${to}`, todo));
  };
  const aliases = release(source) === release(destination) ? '' : ' (names without a release mean another machine in each QEMU)';
  const machine = optionName(source.machine);
  differs('machines', machine, optionName(destination.machine), `start the destination with "-machine ${machine}"${aliases}`);
  const memory = `start the destination with the source's "-m" (${source.memoryBytes / 1024}K)`;
  differs('memory', `${source.memoryBytes} bytes`, `${destination.memoryBytes} bytes`, memory);
  differs('processors', source.processors, destination.processors, `start the destination with "-smp ${source.processors}"`);
  const model = modelName(source.cpuModel);
  differs('processor models', model, modelName(destination.cpuModel), `start the destination with "-cpu ${model}"`);
  differs('accelerators', source.accelerator, destination.accelerator, `start the destination with "-accel ${source.accelerator}"`);
  const [from, to] = [source.version, destination.version];
  if (to.major < from.major || (to.major === from.major && to.minor < from.minor)) {
    const what = `its QEMU ${release(destination)} is older than the source's ${release(source)}`;
    found.push(fault('destination', what, 'install the same release or a newer one there'));
  }
  return found;
}

function capabilityFindings(source: MachineFacts, destination: MachineFacts): Finding[] {
  const found: Finding[] = [];
  for (const [where, { capabilities }] of [['source', source] as const, ['destination', destination] as const]) {
    for (const name of capabilities.filter((capability) => NOT_BY_COMMAND.has(capability))) {
      found.push(
        fault(where, `the migration capability "${name}" is on`, 'switch it off (migrate-set-capabilities): this way cannot carry it'),
      );
    }
  }
  for (const name of SAME_ON_BOTH) {
    const [here, there] = [source.capabilities.includes(name), destination.capabilities.includes(name)];
    if (here === there) continue;
    const what = `the migration capability "${name}" is on at the ${here ? 'source' : 'destination'} only`;
    found.push(fault('both', what, 'switch it on at both or at neither (migrate-set-capabilities)'));
  }
  return found;
}
