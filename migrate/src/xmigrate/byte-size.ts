import { InvalidArgumentError } from 'commander';

const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** A commander parser of sizes such as `256K` or `32M` (powers of 1024), within bounds in bytes. */
export function sizeArgument(minimumBytes: number, maximumBytes: number): (text: string) => number {
  return (text) => {
    const match = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text.trim());
    const bytes = match === null ? NaN : Number(match[1]) * units[match[2]!.toUpperCase()]!;
    if (bytes >= minimumBytes && bytes <= maximumBytes) return bytes;
    throw new InvalidArgumentError(
      `A size from ${formatSize(minimumBytes)} to ${formatSize(maximumBytes)} is needed, such as 256K or 32M.`,
    );
  };
}

function formatSize(bytes: number): string {
  for (const [unit, factor] of Object.entries(units).toReversed()) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}

/** Megabytes (10^6) with one digit. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
