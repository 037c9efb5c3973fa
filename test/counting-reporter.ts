import type { Reporter, TestModule, Vitest } from 'vitest/node';

/** What counts: a test that was skipped has not shown anything, so it has failed. */
export interface Counts {
  passed: number;
  failed: number;
}

/**
 * Adds up the results of a whole run.
 * @param filtered true when tests were chosen by name: those not chosen are skipped, and count for nothing
 */
export function countResults(modules: readonly TestModule[], unhandledErrors: number, filtered: boolean): Counts {
  const counts = { passed: 0, failed: unhandledErrors };
  for (const module of modules) {
    let failedTests = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed++;
      else if (state === 'failed' || !filtered) failedTests++;
    }
    // A file that cannot be loaded, or whose hooks fail, may have no test that says so.
    counts.failed += module.state() === 'failed' ? Math.max(failedTests, 1) : failedTests;
  }
  return counts;
}

/** Sends the counts to the process that started vitest, which prints the closing line. */
export class CountingReporter implements Reporter {
  #filtered = false;

  onInit(vitest: Vitest): void {
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  async onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): Promise<void> {
    const counts = countResults(modules, unhandledErrors.length, this.#filtered);
    // Vitest may end its process right after this, so wait until the message is out.
    await new Promise((sent) => process.send?.(counts, sent));
  }
}
