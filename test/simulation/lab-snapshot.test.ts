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
    120_000,
  );
});
