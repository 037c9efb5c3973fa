import type { MobilityEvent, Xid } from 'xia-core';
import type { Step } from './moves-plan.js';
import type { MovesWorld } from './moves-world.js';
import type { SimNode } from './network.js';

/** Tells of everything that a world does with the ways to its VMs, a line for each. */
export function traceMoves(world: MovesWorld, write: (line: string) => void): void {
  const { network } = world;
  const say = (text: string): void => write(`${network.now.toFixed(3).padStart(10)} ${text}`);
  const nameOf = (hid: Xid): string => network.nodes.find(({ stack }) => stack.hid.equals(hid))?.name ?? hid.toString();
  const beyond = (node: SimNode, face: number): string => {
    const end = node.links.get(face)?.ends.find((port) => port.node !== node);
    return end?.node.name ?? 'nowhere';
  };
  const follow = (node: SimNode): void => {
    const previous = node.onEvent;
    node.onEvent = (event) => {
      if (event.layer === 'mobility') say(`${node.name} ${textOf(event.event, nameOf, (face) => beyond(node, face))}`);
      else if (event.layer === 'routing' && event.event.kind !== 'alarm')
        say(`${node.name} ${event.event.kind} ${nameOf(event.event.hid)}`);
      previous(event);
    };
  };
  for (const node of network.nodes) follow(node);
  for (const { name, links } of network.nodes) {
    const others = [...new Set(links.values())].map(({ ends }) => ends.find((port) => port.node.name !== name)?.node.name);
    say(`${name}: ${others.join(' ')}`);
  }
  world.onStep = (step, fresh) => {
    say(textOfStep(step));
    if (fresh !== undefined) follow(fresh);
  };
  world.invariants.onChange = (text) => say(text);
}

function textOfStep(step: Step): string {
  if (step.kind === 'vm') return `== VM${step.vm + 1} moves to H${step.host + 1}${step.hinted ? '' : ', unnoticed'}`;
  if (step.kind === 'prepare') return `== VM${step.vm + 1} prepares for H${step.host + 1}${step.loose ? ', which does not wait' : ''}`;
  if (step.kind === 'host') return `== H${step.host + 1} moves to R${step.router + 1}`;
  return `== R${step.router + 1} restarts`;
}

function textOf(event: MobilityEvent, nameOf: (hid: Xid) => string, beyond: (face: number) => string): string {
  switch (event.kind) {
    case 'attached':
    case 'refused':
    case 'detached':
      return `${event.kind} ${nameOf(event.attachment.accessPoint)} of ${nameOf(event.attachment.router)}`;
    case 'moved':
      return `moved ${nameOf(event.to.accessPoint)} of ${nameOf(event.to.router)}`;
    case 'bound':
      return `bound ${nameOf(event.hid)} by ${event.hop === undefined ? 'nowhere' : beyond(event.hop.face)} sequence ${event.sequence}`;
    case 'patched':
    case 'patch-failed':
      return `${event.kind} ${nameOf(event.hid)} by ${beyond(event.hop.face)} sequence ${event.sequence}`;
    case 'expired':
    case 'frozen':
    case 'fenced':
    case 'noticed':
    case 'prepared':
    case 'redirected':
      return `${event.kind} ${nameOf(event.hid)}`;
  }
}
