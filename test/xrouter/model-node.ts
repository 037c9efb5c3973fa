import { valueText, XiaError, type Xid } from 'xia-core';
import type { NodeConfig } from '../../xrouter/src/xrouter/config.js';
import type { ReloadTarget } from '../../xrouter/src/xrouter/reload-apply.js';
import type { FaceEntry, LoadedConfig, RouteWay } from '../../xrouter/src/xrouter/reload-plan.js';
import { faceKey, type SettingName } from '../../xrouter/src/xrouter/reload-rules.js';

/** The sockets that a face of the tests takes; `*` stands for every address. */
function addressOf(face: FaceEntry): { readonly ip: string; readonly port: string } {
  if (face.netdev !== undefined) return { ip: 'unix', port: face.netdev.path };
  // One that only connects takes no address.
  if (face.unix !== undefined) return { ip: 'unix', port: face.unix.listen ?? `${face.name}, no path` };
  const [ip = '', port = ''] = (face.udp?.listen ?? '').split(':');
  return { ip: ip === '0.0.0.0' ? '*' : ip, port };
}

/** Whether the operating system would refuse one while the other is open. */
export function clash(a: FaceEntry, b: FaceEntry): boolean {
  const [one, other] = [addressOf(a), addressOf(b)];
  const isUnix = one.ip === 'unix' || other.ip === 'unix';
  return one.port === other.port && (one.ip === other.ip || (!isUnix && (one.ip === '*' || other.ip === '*')));
}

const SETTINGS: readonly SettingName[] = ['beacon', 'cache', 'moves', 'nameserver', 'trust'];

/** A node that is nothing but the state that a reload changes, and is particular about how. */
export class ModelNode implements ReloadTarget {
  readonly faces = new Map<string, FaceEntry>();
  readonly routes = new Map<string, string>();
  readonly principals = new Set<number>();
  readonly controls = new Set<string>();
  readonly settings = new Map<string, string>();
  certificate: string | undefined;
  log = '';
  /** Called before each operation; may throw. */
  before: () => void = () => {};
  /** Called after each operation. */
  after: () => void = () => {};

  constructor({ config, certificate }: LoadedConfig) {
    for (const face of config.faces) this.faces.set(faceKey(face), face);
    for (const { to, via } of config.routes) this.routes.set(to.key, faceKey(config.faces.find(({ name }) => name === via)!));
    for (const code of Object.values(config.principals)) this.principals.add(code);
    if (config.control !== undefined) this.controls.add(config.control);
    for (const name of SETTINGS) this.settings.set(name, valueText(config[name]));
    this.certificate = certificate;
    this.log = valueText(config.log);
  }

  /** Equal for nodes that would do the same. */
  get state(): unknown {
    const { certificate, log } = this;
    const maps = [this.faces, this.routes, this.settings].map((map) =>
      [...map].map(([key, value]) => `${key} ${valueText(value)}`).toSorted(),
    );
    return { maps, principals: new Set(this.principals), controls: new Set(this.controls), certificate, log };
  }

  setLog(log: NodeConfig['log']): void {
    this.#do(() => (this.log = valueText(log)));
  }

  async openControl(path: string): Promise<void> {
    this.#do(() => this.controls.add(path));
  }

  closeControl(path: string): void {
    this.#do(() => this.controls.delete(path));
  }

  addPrincipal(code: number): void {
    this.#do(() => this.principals.add(code));
  }

  removePrincipal(code: number): void {
    this.#do(() => this.principals.delete(code));
  }

  async openFace(face: FaceEntry): Promise<void> {
    this.#do(() => {
      for (const other of this.faces.values()) if (clash(face, other)) throw new XiaError('address-in-use', `${face.name}, ${other.name}`);
      this.faces.set(faceKey(face), face);
    });
  }

  async closeFace(face: FaceEntry): Promise<void> {
    this.#do(() => {
      const key = faceKey(face);
      if ([...this.routes.values()].includes(key)) throw new Error(`a route leads by ${key}`);
      if (!this.faces.delete(key)) throw new Error(`${key} is not open`);
    });
  }

  updateFace(face: FaceEntry): void {
    this.#do(() => {
      if (!this.faces.has(faceKey(face))) throw new Error(`${faceKey(face)} is not open`);
      this.faces.set(faceKey(face), face);
    });
  }

  setRoute(to: Xid, { face }: RouteWay): void {
    this.#do(() => {
      if (!this.faces.has(face)) throw new Error(`${face} is not open`);
      this.routes.set(to.key, face);
    });
  }

  removeRoute(to: Xid): void {
    this.#do(() => {
      if (!this.routes.delete(to.key)) throw new Error(`no route to ${to.toString()}`);
    });
  }

  setCertificate(base64: string): void {
    this.#do(() => (this.certificate = base64));
  }

  set(setting: SettingName, config: NodeConfig): void {
    this.#do(() => this.settings.set(setting, valueText(config[setting])));
  }

  #do(operation: () => void): void {
    this.before();
    operation();
    this.after();
  }
}
