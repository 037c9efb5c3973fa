/**
 * Writes text to stdout and waits while whoever reads it has enough, so that nothing piles up here.
 * @param signal ends the waiting; it is aborted when the reader goes away
 */
export async function writeOutput(text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      process.stdout.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    process.stdout.on('drain', done);
    signal.addEventListener('abort', done);
  });
}
