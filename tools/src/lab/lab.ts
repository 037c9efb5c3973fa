import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, hostDag, PrincipalType, Xid, xidOf, XiaNode, type NodeIdentity } from 'xia-core';
import { Testbed, type Topology } from '../xtestbed/index.js';
import type { PreparedGuest } from './guest-image.js';
import { writeGuestFile } from './guest-file.js';
import { BOOT_TIMEOUT_MS, PlacedVm } from './placed-vm.js';

export const VM_NAME = 'vm.xia';
const LOOPBACK_MTU = 65_507;

export interface LabOptions {
  readonly topology: Topology;
  readonly runDir: string;
  readonly guest: PreparedGuest;
  readonly workloadBytes: number;
  readonly dirtyBytesPerSecond: number;
  /** Touch a destination's memory before the guest comes. */
  readonly preallocate: boolean;
  /** RAM of the machine, 640 by default: less moves faster. */
  readonly memoryMb?: number | undefined;
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
    const testbed = await Testbed.up(options.topology, options.runDir, { signal: options.signal });
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

  /** Boots the guest on a host and waits until it serves, is registered, and its memory is filled. */
  async boot(host: string): Promise<PlacedVm> {
    const { guest, workloadBytes, dirtyBytesPerSecond, signal } = this.#options;
    // It holds a key, so it is in the folder that nobody else can read and that goes away at the end.
    const configFile = join(this.testbed.state.socketDir, 'guest.json');
    await writeGuestFile(configFile, {
      identity: this.#identity,
      name: VM_NAME,
      trust: Object.values(this.testbed.state.ads),
      workloadBytes,
      dirtyBytesPerSecond,
    });
    const vm = await this.#place(host, { kernel: guest.kernel, initrd: guest.initrd, configFile });
    await vm.serial.waitFor('ready', { timeoutMs: BOOT_TIMEOUT_MS, signal });
    return vm;
  }

  /** Starts a QEMU on a host that waits for the guest to come. */
  async destination(host: string): Promise<PlacedVm> {
    return this.#place(host, undefined);
  }

  /** Ends one QEMU, as after the guest has left it. */
  async remove(vm: PlacedVm): Promise<void> {
    const index = this.#vms.indexOf(vm);
    if (index >= 0) this.#vms.splice(index, 1);
    await vm.stop();
  }

  /** A node of this process, attached to a host. The caller closes it. */
  async attach(host: string): Promise<XiaNode> {
    const { access } = this.testbed.node(host);
    return XiaNode.start({
      role: 'application',
      faces: [
        { name: 'host', role: 'uplink', mtu: LOOPBACK_MTU, udp: { listen: '127.0.0.1:0', peers: access === undefined ? [] : [access] } },
      ],
      trustedAds: Object.values(this.testbed.state.ads).map((ad) => Xid.parse(ad)),
      signal: this.#options.signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#vms.map(async (vm) => vm.stop()));
    await this.testbed.down();
  }

  async #place(host: string, boot: { kernel: string; initrd: string; configFile: string } | undefined): Promise<PlacedVm> {
    const { guest, preallocate, memoryMb, signal } = this.#options;
    const vm = await PlacedVm.start({
      testbed: this.testbed,
      host,
      number: ++this.#number,
      accelerator: guest.accelerator.accelerator,
      preallocate,
      memoryMb,
      signal,
      ...(boot === undefined ? {} : { boot }),
    });
    this.#vms.push(vm);
    return vm;
  }
}
