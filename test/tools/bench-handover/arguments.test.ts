import { describe, expect, it } from 'vitest';
import { program } from '../../../tools/src/bench-handover/main.js';
import { sectionNames } from '../../../tools/src/bench-handover/run-handover-bench.js';

const refused = async (...args: string[]) => {
  const command = program(new AbortController().signal)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parseAsync(['node', 'bench:handover', ...args]).then(
    () => 'taken',
    (error: Error) => error.message,
  );
};

describe('bench:handover', () => {
  it('refuses sections and rounds that there are not', async () => {
    expect(await refused('--section', 'nothing')).toContain(sectionNames.join(', '));
    expect(await refused('--rounds', '0')).toContain('--rounds');
    expect(await refused('--rounds', 'many')).toContain('--rounds');
  });
});
