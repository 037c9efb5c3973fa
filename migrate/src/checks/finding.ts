/** Where a check found something. */
export type FindingPlace = 'source' | 'destination' | 'both' | 'path' | 'plan';

/** What a check before a move has to say. A fault stops the move before anything is touched, a warning does not. */
export interface Finding {
  readonly level: 'fault' | 'warning';
  readonly where: FindingPlace;
  readonly what: string;
  /** What the operator can do about it. */
  readonly todo: string;
}

export function fault(where: FindingPlace, what: string, todo: string): Finding {
  return { level: 'fault', where, what, todo };
}

export function warning(where: FindingPlace, what: string, todo: string): Finding {
  return { level: 'warning', where, what, todo };
}

/** One line for people. */
export function findingText({ where, what, todo }: Finding): string {
  return `${where === 'both' ? 'both sides' : where}: ${what}; ${todo}`;
}

export function faultsOf(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ level }) => level === 'fault');
}
