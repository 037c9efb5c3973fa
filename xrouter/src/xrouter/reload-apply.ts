import { XiaError } from 'xia-core';
import type { NodeConfig } from './config.js';
import { inverse, type FaceEntry, type ReloadStep, type RouteWay } from './reload-plan.js';
import type { SettingName } from './reload-rules.js';

/** What a plan is carried out on. Faces are named by their keys (see `faceKey`). Whatever throws has changed nothing. */
export interface ReloadTarget {
  setLog(log: NodeConfig['log']): void;
  openControl(path: string): Promise<void>;
  closeControl(path: string): void;
  addPrincipal(code: number): void;
  removePrincipal(code: number): void;
  openFace(face: FaceEntry): Promise<void>;
  closeFace(face: FaceEntry): Promise<void>;
  updateFace(face: FaceEntry): void;
  setRoute(to: ReloadStepOf<'route'>['to'], via: RouteWay): void;
  removeRoute(to: ReloadStepOf<'route'>['to']): void;
  setCertificate(base64: string): void;
  set(setting: SettingName, config: NodeConfig): void;
}

type ReloadStepOf<Kind> = Extract<ReloadStep, { kind: Kind }>;

/**
 * Carries a plan out, all of it or nothing: when a step fails, those before it are undone in reverse order.
 * @throws XiaError what the step failed with, saying so when something could not be undone
 */
export async function applySteps(steps: readonly ReloadStep[], target: ReloadTarget): Promise<void> {
  const done: ReloadStep[] = [];
  for (const step of steps) {
    try {
      await perform(step, target);
    } catch (cause) {
      throw rolledBack(cause, await rollBack(done, target));
    }
    done.push(step);
  }
}

async function rollBack(done: readonly ReloadStep[], target: ReloadTarget): Promise<string[]> {
  const failures: string[] = [];
  for (const step of done.toReversed()) {
    try {
      await perform(inverse(step), target);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  return failures;
}

function rolledBack(cause: unknown, failures: readonly string[]): XiaError {
  const { message } = cause as Error;
  const code = cause instanceof XiaError ? cause.code : 'refused';
  const rest = failures.length === 0 ? 'everything is as it was' : `could not be undone: ${failures.join('; ')}`;
  return new XiaError(code, `${message} (${rest})`, { failures }, { cause });
}

async function perform(step: ReloadStep, target: ReloadTarget): Promise<void> {
  switch (step.kind) {
    case 'log':
      return target.setLog(step.to);
    case 'open-control':
      return target.openControl(step.path);
    case 'close-control':
      return target.closeControl(step.path);
    case 'add-principal':
      return target.addPrincipal(step.code);
    case 'remove-principal':
      return target.removePrincipal(step.code);
    case 'open-face':
      return target.openFace(step.face);
    case 'close-face':
      return target.closeFace(step.face);
    case 'update-face':
      return target.updateFace(step.to);
    case 'route':
      return step.via === undefined ? target.removeRoute(step.to) : target.setRoute(step.to, step.via);
    case 'certificate':
      return target.setCertificate(step.to);
    case 'setting':
      return target.set(step.setting, step.to);
  }
}
