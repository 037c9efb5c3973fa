import { ExitCode, ExitRequest } from 'xia-core';
import { availableMemoryBytes, faultsOf, findingText } from '../checks/index.js';
import { groupRoomFindings, moveGroup } from '../group/index.js';
import { inspectMove, type Inspection, type MoveOptions } from '../run/index.js';
import { loadPlan, type GroupPlan } from './plan-file.js';
import { hasMoved, printedMove, printPlan } from './run-one.js';
import { moveOptions } from './run-options.js';
import { runPrinter, writeJson } from './run-printer.js';
import { findingLines, groupTable, type GroupRow } from './run-report.js';

export interface GroupOutput {
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** A move of the plan with what was found out about it. */
interface Candidate {
  readonly options: MoveOptions;
  readonly inspection: Inspection;
}

const stateWords = { moved: 'moved', stayed: 'stays', 'in-doubt': 'in doubt' } as const;

/**
 * Checks all moves of a plan, makes those that can be made, and says of each VM what became of it.
 * @throws XiaError `bad-config`, `interrupted`
 * @throws ExitRequest `REFUSED` when nothing was touched because of a fault, `FAILED` when not every VM has moved
 */
export async function runGroup(file: string, output: GroupOutput, signal: AbortSignal): Promise<void> {
  const plan = await loadPlan(file);
  const candidates = await inspectAll(plan, output, signal);
  const refused = candidates.filter(({ inspection }) => faultsOf(inspection.findings).length > 0);
  const room = await roomFaults(candidates);
  for (const line of findingLines('all', room)) if (!output.json) process.stderr.write(`${line}\n`);
  const isRefused = room.length > 0 || (refused.length > 0 && (output.dryRun || plan.onFailure === 'stop'));
  if (isRefused) {
    if (output.json) writeJson({ event: 'refused', vms: refused.map(({ options }) => options.vm), findings: room });
    else process.stderr.write('no VM was touched\n');
    throw new ExitRequest(ExitCode.REFUSED);
  }
  if (output.dryRun) return;
  const rows = await moveAll(plan, candidates, output, signal);
  if (output.json) writeJson({ event: 'group-result', vms: rows.map(({ vm, state, reason }) => ({ vm, state, reason })) });
  else process.stdout.write(`${groupTable(rows)}\n`);
  if (rows.some(({ state }) => state !== 'moved')) throw new ExitRequest(ExitCode.FAILED);
}

async function inspectAll(plan: GroupPlan, { dryRun, json }: GroupOutput, signal: AbortSignal): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  // One after the other: measurements beside each other would measure each other.
  for (const settings of plan.moves) {
    const options = moveOptions(settings, signal);
    const inspection = await inspectMove(options, dryRun);
    runPrinter(options.vm, json ? 'json' : 'lines').inspection(inspection);
    if (dryRun && !json) printPlan(inspection, options);
    candidates.push({ options, inspection });
  }
  const memory = ({ inspection }: Candidate) => inspection.source?.memoryBytes ?? 0;
  if (plan.order === 'smallest-first') candidates.sort((a, b) => memory(a) - memory(b));
  if (plan.order === 'largest-first') candidates.sort((a, b) => memory(b) - memory(a));
  return candidates;
}

/** Each may fit where all of them do not. */
async function roomFaults(candidates: readonly Candidate[]) {
  const moving = candidates.filter(({ inspection }) => faultsOf(inspection.findings).length === 0);
  const needs = moving.map(({ options, inspection }) => ({
    vm: options.vm,
    takesBytes: inspection.takesBytes,
    disks: inspection.disks?.needs ?? [],
  }));
  return groupRoomFindings(needs, (await availableMemoryBytes()) ?? Infinity);
}

async function moveAll(plan: GroupPlan, candidates: readonly Candidate[], { json }: GroupOutput, signal: AbortSignal): Promise<GroupRow[]> {
  const byName = new Map(candidates.map((candidate) => [candidate.options.vm, candidate]));
  const move = async (vm: string): Promise<GroupRow> => {
    const { options, inspection } = byName.get(vm)!;
    const faults = faultsOf(inspection.findings);
    if (faults.length > 0) return { vm, state: 'refused', reason: faults.map(findingText).join('\n'), result: undefined };
    try {
      const result = await printedMove(options, runPrinter(vm, json ? 'json' : 'lines'));
      return {
        vm,
        state: hasMoved(result) || result.outcome !== 'moved' ? stateWords[result.outcome] : 'failed',
        reason: result.reason,
        result,
      };
    } catch (error) {
      return { vm, state: 'failed', reason: (error as Error).message, result: undefined };
    }
  };
  const { concurrency, onFailure } = plan;
  const rows = await moveGroup([...byName.keys()], { concurrency, onFailure, signal }, move, ({ state }) => state === 'moved');
  const reason = signal.aborted ? 'stopped before its turn' : 'a move before it failed';
  return [...byName.keys()].map((vm) => rows.get(vm) ?? { vm, state: 'not begun', reason, result: undefined });
}
