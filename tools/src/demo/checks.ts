import type { AskResult } from '../lab/index.js';
import type { Check } from '../report/index.js';
import type { CounterState } from '../xcal/read-counter.js';

/** What was observed, for `demoChecks` to judge. */
export interface DemoFacts {
  readonly expectedHost: string;
  readonly expectedAd: { readonly name: string; readonly xid: string };
  /** The hosts whose QEMU says that its guest runs. */
  readonly runsAt: readonly string[];
  readonly counterBefore: CounterState;
  readonly counterAfter: CounterState | undefined;
  readonly ask: AskResult;
  /** The address that the name service gives now; undefined when it gives none. */
  readonly resolved: string | undefined;
  readonly oldDag: { readonly address: string; readonly sent: number; readonly answered: number };
  /** The nodes that were asked for stale entries, and what was found. */
  readonly left: readonly { readonly node: string; readonly stale: string | undefined }[];
  readonly moves: readonly {
    readonly outcome: string;
    readonly reason: string;
    readonly sha256: { readonly source: string | undefined; readonly destination: string | undefined };
  }[];
}

function counterCheck({ counterBefore: before, counterAfter: after }: DemoFacts): Check {
  const name = "the guest's own counter went on with no reset";
  if (after === undefined) return { name, ok: false, detail: 'the guest does not answer' };
  const ok = after.startId === before.startId && after.ticks > before.ticks && after.answers >= before.answers;
  return {
    name,
    ok,
    detail: `start ${before.startId}, ${before.ticks} ticks before, ${after.ticks} after${after.startId === before.startId ? '' : `, now start ${after.startId}`}`,
  };
}

/** The demo's verdicts: every one must hold. */
export function demoChecks(facts: DemoFacts): Check[] {
  const { ask, oldDag, expectedHost, expectedAd, left } = facts;
  const stale = left.filter((node) => node.stale !== undefined);
  const leftNames = left.map(({ node }) => node).join(' and ');
  return [
    {
      name: `the VM runs on ${expectedHost} and only there`,
      ok: facts.runsAt.length === 1 && facts.runsAt[0] === expectedHost && facts.moves.every(({ outcome }) => outcome === 'moved'),
      detail: [
        `running on ${facts.runsAt.join(', ') || 'no host'}`,
        ...facts.moves.flatMap(({ outcome, reason }) => (outcome === 'moved' ? [] : [`${outcome}: ${reason}`])),
      ].join('; '),
    },
    counterCheck(facts),
    {
      name: 'the xcal stream is the same connection, with no wrong or missing answer',
      ok: ask.answers > 0 && ask.wrong === 0 && ask.missing === 0 && ask.reconnects === 0 && ask.resets === 0,
      detail: `${ask.answers} answers, ${ask.wrong} wrong, ${ask.missing} missing, ${ask.reconnects} reconnects, ${ask.resets} resets`,
    },
    {
      name: `vm.xia resolves to ${expectedAd.name}`,
      ok: facts.resolved?.includes(expectedAd.xid) === true,
      detail: facts.resolved ?? 'it does not resolve',
    },
    {
      name: 'packets to the old address still arrive',
      ok: oldDag.sent > 0 && oldDag.answered === oldDag.sent,
      detail: `${oldDag.answered} of ${oldDag.sent} answered, sent to ${oldDag.address}`,
    },
    {
      name: `${leftNames} hold${left.length === 1 ? 's' : ''} no stale entry`,
      ok: left.length > 0 && stale.length === 0,
      ...(stale.length === 0 ? {} : { detail: stale.map(({ node, stale: found }) => `${node} ${found ?? ''}`).join('; ') }),
    },
    {
      name: 'the sha256 of the stream is equal at both ends',
      ok: facts.moves.length > 0 && facts.moves.every(({ sha256 }) => sha256.source !== undefined && sha256.source === sha256.destination),
      detail: facts.moves
        .map(({ sha256 }) =>
          sha256.source === sha256.destination ? (sha256.source ?? 'none') : `${sha256.source} and ${sha256.destination}`,
        )
        .join('; '),
    },
  ];
}
