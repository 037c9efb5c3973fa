import { XiaError, type ReopenableLog, type XiaNode } from 'xia-core';
import { certificateBytes } from './certificate-file.js';
import type { NodeConfig } from './config.js';
import type { ControlSockets } from './control-sockets.js';
import type { ReloadTarget } from './reload-apply.js';
import type { FaceEntry, RouteWay } from './reload-plan.js';
import { faceKey, type SettingName } from './reload-rules.js';

/** The running daemon, as a reload changes it. */
export class NodeTarget implements ReloadTarget {
  readonly #node: XiaNode;
  readonly #log: ReopenableLog;
  readonly #controls: ControlSockets;
  /** Key of a face -> its id. */
  readonly #faces = new Map<string, number>();

  constructor(node: XiaNode, log: ReopenableLog, controls: ControlSockets, faces: readonly FaceEntry[]) {
    this.#node = node;
    this.#log = log;
    this.#controls = controls;
    for (const face of faces) {
      const id = node.reconfigure.faceId(face.name);
      if (id !== undefined) this.#faces.set(faceKey(face), id);
    }
  }

  setLog(log: NodeConfig['log']): void {
    this.#log.reopen(log);
  }

  async openControl(path: string): Promise<void> {
    await this.#controls.open(path);
  }

  closeControl(path: string): void {
    this.#controls.retire(path);
  }

  addPrincipal(code: number): void {
    this.#node.reconfigure.addPrincipal(code);
  }

  removePrincipal(code: number): void {
    this.#node.reconfigure.removePrincipal(code);
  }

  async openFace(face: FaceEntry): Promise<void> {
    this.#faces.set(faceKey(face), await this.#node.reconfigure.addFace(face));
  }

  async closeFace(face: FaceEntry): Promise<void> {
    const id = this.#id(faceKey(face));
    this.#faces.delete(faceKey(face));
    await this.#node.reconfigure.removeFace(id);
  }

  updateFace(face: FaceEntry): void {
    const { role, mtu, cost, udp, ethernet, unix } = face;
    this.#node.reconfigure.updateFace(this.#id(faceKey(face)), { role, mtu, peers: (udp ?? ethernet ?? unix)?.peers }, cost);
  }

  setRoute(to: NodeConfig['routes'][number]['to'], { face, nextHop }: RouteWay): void {
    this.#node.reconfigure.setRoute(to, this.#id(face), nextHop);
  }

  removeRoute(to: NodeConfig['routes'][number]['to']): void {
    this.#node.reconfigure.removeRoute(to);
  }

  setCertificate(base64: string): void {
    this.#node.reconfigure.setCertificate(certificateBytes(base64));
  }

  set(setting: SettingName, config: NodeConfig): void {
    const { reconfigure } = this.#node;
    switch (setting) {
      case 'beacon':
        return reconfigure.setBeacon(config.beacon);
      case 'cache':
        return reconfigure.setCache(config.cache);
      case 'holding':
        return reconfigure.setHolding(config.holding);
      case 'moves':
        return reconfigure.setMoves(config.moves);
      case 'nameserver':
        return reconfigure.setNameServer(config.nameserver);
      case 'trust':
        return reconfigure.setTrust(config.trust);
    }
  }

  #id(key: string): number {
    const id = this.#faces.get(key);
    if (id === undefined) throw new XiaError('bad-argument', `no face is open as ${key}`, { key });
    return id;
  }
}
