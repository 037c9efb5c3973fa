/** One place in which two configurations differ. A value is undefined where a configuration has none. */
export interface ConfigDifference<Rule> {
  /** The keys that lead there, joined by dots. */
  readonly path: string;
  /** Undefined when nothing is said about this key. */
  readonly rule: Rule | undefined;
  readonly from: unknown;
  readonly to: unknown;
}

/**
 * Where two configurations differ, looked at as deep as `rules` go: a key that has a rule is compared as a whole, any other
 * one key by key if it is a map on both sides.
 *
 * @param rules by path, such as `log.level`
 * @param prefix in front of every path, to find the rules of a part
 */
export function configDifferences<Rule>(
  from: unknown,
  to: unknown,
  rules: Readonly<Record<string, Rule>>,
  prefix = '',
): ConfigDifference<Rule>[] {
  if (valueText(from) === valueText(to)) return [];
  const rule = Object.hasOwn(rules, prefix) ? rules[prefix] : undefined;
  // One that is missing is a map without entries.
  const isInner = Object.keys(rules).some((path) => path.startsWith(`${prefix}.`)) || prefix === '';
  if (rule !== undefined || !(isMap(from) || isMap(to)) || !isInner) return [{ path: prefix, rule, from, to }];
  const [before, after] = [isMap(from) ? from : {}, isMap(to) ? to : {}];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return keys.flatMap((key) => configDifferences(before[key], after[key], rules, prefix === '' ? key : `${prefix}.${key}`));
}

/** Equal for values that a configuration could say in the same words, whatever the order of keys; empty for undefined. */
export function valueText(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => (isMap(part) ? Object.fromEntries(Object.entries(part).toSorted(byKey)) : part)) ?? ''
  );
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
