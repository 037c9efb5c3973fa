/** A linear map from a range of values to a range of pixels. */
export interface Scale {
  (value: number): number;
  readonly from: number;
  readonly to: number;
}

export function linearScale(from: number, to: number, pixelFrom: number, pixelTo: number): Scale {
  const span = to === from ? 1 : to - from;
  return Object.assign((value: number) => pixelFrom + ((value - from) / span) * (pixelTo - pixelFrom), { from, to });
}

/** A map of positive values by their logarithm. */
export function logScale(from: number, to: number, pixelFrom: number, pixelTo: number): Scale {
  const linear = linearScale(Math.log(from), Math.log(to), pixelFrom, pixelTo);
  return Object.assign((value: number) => linear(Math.log(Math.min(to, Math.max(from, value)))), { from, to });
}

/** Round values in a range, about `count` of them: steps of 1, 2 or 5 times a power of ten. */
export function ticks(from: number, to: number, count: number): number[] {
  const rough = (to - from) / Math.max(1, count);
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const values: number[] = [];
  for (let index = Math.ceil(from / step); index * step <= to; index++) values.push(index * step);
  return values;
}

/** The powers of ten in a range of a logarithmic axis. */
export function decades(from: number, to: number): number[] {
  const values: number[] = [];
  for (let exponent = Math.ceil(Math.log10(from) - 1e-9); 10 ** exponent <= to * (1 + 1e-9); exponent++) values.push(10 ** exponent);
  return values;
}
