import { describe, expect, it } from 'vitest';
import { linkPresets, type CongestionName, type LinkShape } from 'xia-core';
import { labControllers, labFlows, labPresets, labTransports, type LabCase, type LabTransport } from './lab-case.js';
import { runLab } from './lab-run.js';
import { tableOf } from './lab-table.js';

const BYTES = 2_000_000;

/** A second seed where chance decides. */
function seedsOf({ loss, burst, reorder }: LinkShape): readonly number[] {
  return loss === undefined && burst === undefined && reorder === undefined ? [1] : [1, 2];
}

/** Beside each other those that may be the default are compared. */
function controllersOf(transport: LabTransport): readonly CongestionName[] {
  // Datagrams have none.
  if (transport === 'dgram') return ['bbr'];
  return labFlows[transport].length === 1 ? labControllers : labControllers.filter((name) => name !== 'new-reno');
}

function casesOf(transport: LabTransport): LabCase[] {
  return labPresets.flatMap((preset) =>
    controllersOf(transport).flatMap((controller) =>
      seedsOf(linkPresets[preset].back).map((seed): LabCase => ({ preset, transport, controller, seed, size: BYTES })),
    ),
  );
}

describe('2 MB over each of the named links', () => {
  it.each(labTransports)(
    'go as fast, as fairly and with as many repetitions as they did: %s',
    async (transport) => {
      const results = casesOf(transport).map((what) => ({ what, result: runLab(what) }));
      // After a change that is meant: npm test -- lab-snapshot -u
      await expect(tableOf(results)).toMatchFileSnapshot(`__snapshots__/laboratory-${transport}.txt`);
      expect(results.flatMap(({ result }) => result.fault ?? [])).toEqual([]);
    },
    240_000,
  );

  it.each([
    ['lan', 1, 1],
    ['wan', 1, 1],
    ['loss5', 0.93, 0.97],
    ['reorder10', 1, 1],
    ['smoltcp', 0.68, 0.77],
  ] as const)('lose as many datagrams as the link does: %s', (preset, least, most) => {
    const { tally } = runLab({ preset, transport: 'dgram', controller: 'bbr', seed: 3, size: BYTES });
    expect(tally!.sent).toBe(BYTES / 1000);
    expect(tally!.arrived / tally!.sent).toBeGreaterThanOrEqual(least);
    expect(tally!.arrived / tally!.sent).toBeLessThanOrEqual(most);
    expect(tally!.late > 0).toBe(preset === 'reorder10');
  });
});
