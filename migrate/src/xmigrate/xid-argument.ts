import { InvalidArgumentError } from 'commander';
import { Xid } from 'xia-core';

/** A commander parser of identifiers of one type, which is called `name`. */
export function xidArgument(type: number, name: string): (text: string) => Xid {
  return (text) => {
    try {
      const xid = Xid.parse(text);
      if (xid.type === type) return xid;
    } catch {
      // Said below.
    }
    throw new InvalidArgumentError(`"${text}" is not a ${name} (${name}: and 40 hex digits).`);
  };
}

/** A commander parser of lists of such identifiers, separated by commas; given twice, both count. */
export function xidListArgument(type: number, name: string): (text: string, before: readonly Xid[] | undefined) => readonly Xid[] {
  const one = xidArgument(type, name);
  return (text, before = []) => [...before, ...text.split(',').map((part) => one(part.trim()))];
}
