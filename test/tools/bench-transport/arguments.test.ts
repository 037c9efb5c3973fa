import { describe, expect, it } from 'vitest';
import { program } from '../../../tools/src/bench-transport/main.js';
import { sectionNames } from '../../../tools/src/bench-transport/run-transport-bench.js';

const refused = async (...args: string[]) => {
  const command = program(new AbortController().signal)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parseAsync(['node', 'bench:transport', ...args]).then(
    () => 'taken',
    (error: Error) => error.message,
  );
};

describe('bench:transport', () => {
  it('refuses sections and rounds that there are not', async () => {
    expect(await refused('--section', 'nothing')).toContain(sectionNames.join(', '));
    expect(await refused('--rounds', '0')).toContain('--rounds');
    expect(await refused('--rounds', 'many')).toContain('--rounds');
  });
});
