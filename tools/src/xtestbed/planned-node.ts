/** One daemon to start: everything that is decided before it runs. */
export interface PlannedNode {
  readonly name: string;
  /** A link is one that is emulated by a process; it belongs to no AD and has neither name nor configuration file. */
  readonly kind: 'link' | 'router' | 'host' | 'nameserver';
  /** The name of its AD in the topology. */
  readonly ad: string;
  readonly hid: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly control: string;
  /** The command line of what has no configuration file. */
  readonly args?: readonly string[];
  /** Where programs and hosts attach, `ADDRESS:PORT` or `unix:PATH`. */
  readonly access?: string;
  readonly accessMtu?: number;
  /** UNIX sockets for QEMU's `-netdev stream`, by the name of the attachment. */
  readonly vms: Readonly<Record<string, string>>;
}
