import type { SourceFile } from './source-files.js';

/** The groups of files that import each other, directly or around; each sorted. (Tarjan's strongly connected components.) */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];

  const enter = (path: string) => {
    const entered = order.size;
    order.set(path, entered);
    lowest.set(path, entered);
    stack.push(path);
    for (const { file } of byPath.get(path)?.references ?? []) {
      if (file === undefined || !byPath.has(file)) continue;
      if (file === path) cycles.push([path]);
      if (!order.has(file)) enter(file);
      if (stack.includes(file)) lowest.set(path, Math.min(lowest.get(path)!, lowest.get(file)!));
    }
    if (lowest.get(path) !== entered) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1) cycles.push(group.toSorted());
  };
  for (const { path } of files) if (!order.has(path)) enter(path);
  return cycles;
}
