import { InvalidArgumentError } from 'commander';

const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** The range of sizes that an option takes, in bytes. */
export interface SizeBounds {
  readonly minimumBytes: number;
  readonly maximumBytes: number;
}

/** Bytes of a size such as `256K` or `32M` (powers of 1024); undefined when it is none, or out of bounds. */
export function parseSize(text: string, { minimumBytes, maximumBytes }: SizeBounds): number | undefined {
  const match = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text.trim());
  const bytes = match === null ? NaN : Number(match[1]) * units[match[2]!.toUpperCase()]!;
  return bytes >= minimumBytes && bytes <= maximumBytes ? bytes : undefined;
}

/** What to say to somebody who gave something else. */
export function sizeWanted({ minimumBytes, maximumBytes }: SizeBounds): string {
  return `A size from ${formatSize(minimumBytes)} to ${formatSize(maximumBytes)} is needed, such as 256K or 32M.`;
}

/** A commander parser of sizes within bounds in bytes. */
export function sizeArgument(minimumBytes: number, maximumBytes: number): (text: string) => number {
  const bounds = { minimumBytes, maximumBytes };
  return (text) => {
    const bytes = parseSize(text, bounds);
    if (bytes === undefined) throw new InvalidArgumentError(sizeWanted(bounds));
    return bytes;
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
