import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { attachFace, generateIdentity, hostDag, PrincipalType, Xid, xidOf, XiaNode, type NodeIdentity } from 'xia-core';
import { loadGuestArguments, type QemuBoot } from 'xmigrate';
import { Testbed, type Topology } from '../xtestbed/index.js';
import type { PreparedGuest } from './guest-image.js';
import { writeGuestFile } from './guest-file.js';
import { BOOT_TIMEOUT_MS, PlacedVm } from './placed-vm.js';

export const VM_NAME = 'vm.xia';
/** A translated guest on a busy machine fills its memory that slowly. */
const SLOWEST_FILL_BYTES_PER_MS = 5000;

export interface LabOptions {
  readonly topology: Topology;
  readonly runDir: string;
  readonly guest: PreparedGuest;
  readonly workloadBytes: number;
  readonly dirtyBytesPerSecond: number;
  /** Touch a destination's memory before the guest comes. */
  readonly preallocate: boolean;
  /** MiB, default `GUEST_MEMORY_MB`. */
  readonly memoryMb?: number;
  /** `guest` is the one that holds memory and nothing else (`prepareLoadGuest`): it is in no network. */
  readonly isPlain?: boolean;
  /** For the Node that runs the daemons, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
  readonly signal: AbortSignal;
}

/** A testbed with one virtual machine in it that can be placed on its hosts. Whatever it started ends with it. */
export class Lab implements AsyncDisposable {
  readonly testbed: Testbed;
  /** What the VM is known by: HID of the guest's key. */
  readonly vmHid: Xid;
  readonly #options: LabOptions;
  readonly #identity: NodeIdentity;
  readonly #vms: PlacedVm[] = [];
  #number = 0;

  private constructor(options: LabOptions, testbed: Testbed) {
    this.#options = options;
    this.testbed = testbed;
    this.#identity = generateIdentity();
    this.vmHid = xidOf(PrincipalType.HID, this.#identity);
  }

  /** @throws XiaError as `Testbed.up` */
  static async start(options: LabOptions): Promise<Lab> {
    const { topology, runDir, nodeOptions, signal } = options;
    const testbed = await Testbed.up(topology, runDir, { signal, ...(nodeOptions === undefined ? {} : { nodeOptions }) });
    await mkdir(join(options.runDir, 'clients'), { recursive: true });
    return new Lab(options, testbed);
  }

  /** The VM's address under an AD of the topology. */
  vmDag(ad: string): string {
    return hostDag(Xid.parse(this.testbed.ad(ad)), this.vmHid).toString();
  }

  /** Where a host keeps which VMs are its own. */
  stateDirectory(host: string): string {
    return this.testbed.stateDirectory(host);
  }

  /** The AD that a host is in, by its name in the topology. */
  adOf(host: string): string {
    return this.testbed.node(host).ad;
  }

  /** True when the guest runs a program of ours, and so can be asked for an answer. */
  get hasAgent(): boolean {
    return this.#options.isPlain !== true;
  }

  /**
   * Boots the guest on a host and waits until it serves, is registered, and its memory is filled.
   * @param dirtyBytesPerSecond default: as the lab was started with
   */
  async boot(host: string, dirtyBytesPerSecond: number = this.#options.dirtyBytesPerSecond): Promise<PlacedVm> {
    const vm = await this.#place(host, { boot: await this.#bootOptions(dirtyBytesPerSecond) });
    const { workloadBytes, signal } = this.#options;
    await vm.serial.waitFor('ready', { timeoutMs: BOOT_TIMEOUT_MS + workloadBytes / SLOWEST_FILL_BYTES_PER_MS, signal });
    return vm;
  }

  async #bootOptions(dirtyBytesPerSecond: number): Promise<QemuBoot> {
    const { guest, workloadBytes } = this.#options;
    const { kernel, initrd } = guest;
    if (!this.hasAgent) {
      const kib = (bytes: number) => Math.round(bytes / 1024);
      const load = { fillKib: kib(workloadBytes), rewriteKibPerSecond: kib(dirtyBytesPerSecond) };
      return { kernel, initrd, kernelArguments: loadGuestArguments(load) };
    }
    // It holds a key, so it is in the folder that nobody else can read and that goes away at the end.
    const configFile = join(this.testbed.state.socketDir, 'guest.json');
    await writeGuestFile(configFile, {
      identity: this.#identity,
      name: VM_NAME,
      trust: Object.values(this.testbed.state.ads),
      workloadBytes,
      dirtyBytesPerSecond,
    });
    return { kernel, initrd, configFile };
  }

  /** Starts a QEMU on a host that waits for the guest to come. @param preallocate default: as the lab was started with */
  async destination(host: string, preallocate: boolean = this.#options.preallocate): Promise<PlacedVm> {
    return this.#place(host, { preallocate });
  }

  /** Ends one QEMU, as after the guest has left it. */
  async remove(vm: PlacedVm): Promise<void> {
    const index = this.#vms.indexOf(vm);
    if (index >= 0) this.#vms.splice(index, 1);
    await vm.stop();
  }

  /** A node of this process, attached to a host. The caller closes it. */
  async attach(host: string): Promise<XiaNode> {
    const { XIA_HOST: access = '' } = this.testbed.environment(host);
    return XiaNode.start({
      role: 'application',
      faces: [attachFace(access)],
      trustedAds: Object.values(this.testbed.state.ads).map((ad) => Xid.parse(ad)),
      signal: this.#options.signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#vms.map(async (vm) => vm.stop()));
    await this.testbed.down();
  }

  async #place(host: string, { boot, preallocate = false }: { boot?: QemuBoot; preallocate?: boolean }): Promise<PlacedVm> {
    const { guest, memoryMb, signal } = this.#options;
    const vm = await PlacedVm.start({
      testbed: this.testbed,
      host,
      number: ++this.#number,
      accelerator: guest.accelerator.accelerator,
      preallocate,
      isUnplugged: !this.hasAgent,
      ...(memoryMb === undefined ? {} : { memoryMb }),
      signal,
      ...(boot === undefined ? {} : { boot }),
    });
    this.#vms.push(vm);
    return vm;
  }
}
