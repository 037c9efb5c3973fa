import { expect, it } from 'vitest';
import type { TestModule } from 'vitest/node';
import { countResults } from '../counting-reporter.js';

type State = 'passed' | 'failed' | 'skipped';

/** A test file as vitest reports it. */
function moduleOf(state: State, ...tests: readonly State[]): TestModule {
  const allTests = () => tests.map((result) => ({ result: () => ({ state: result }) }));
  return { state: () => state, children: { allTests } } as unknown as TestModule;
}

it.each([
  ['nothing', [], 0, { passed: 0, failed: 0 }],
  ['tests of all files', [moduleOf('passed', 'passed', 'passed'), moduleOf('failed', 'passed', 'failed')], 0, { passed: 3, failed: 1 }],
  ['a skipped test as failed', [moduleOf('passed', 'passed', 'skipped')], 0, { passed: 1, failed: 1 }],
  ['a file that cannot be loaded as failed', [moduleOf('failed')], 0, { passed: 0, failed: 1 }],
  ['a failing hook, when every test passed, as failed', [moduleOf('failed', 'passed')], 0, { passed: 1, failed: 1 }],
  ['errors outside of any test as failed', [moduleOf('passed', 'passed')], 2, { passed: 1, failed: 2 }],
])('counts %s', (_, modules, unhandledErrors, counts) => {
  expect(countResults(modules, unhandledErrors, false)).toEqual(counts);
});

it('counts only what was chosen by name', () => {
  expect(countResults([moduleOf('passed', 'passed', 'skipped')], 0, true)).toEqual({ passed: 1, failed: 0 });
});
