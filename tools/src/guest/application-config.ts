import * as v from 'valibot';
import { Xid, XiaError } from 'xia-core';

/** What the demo's guest is told on top of its memory load. */
const applicationSchema = v.strictObject({
  /** PKCS#8 PEM of the guest's identity. */
  key: v.pipe(v.string(), v.maxLength(4096)),
  /** The name to register, such as `vm.xia`. */
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  /** The ADs to believe, as text; empty for any. */
  trust: v.pipe(v.array(v.string()), v.maxLength(64)),
});

/** @throws XiaError `bad-config` */
export function checkGuestApplication(value: unknown): { key: string; name: string; trustedAds: Xid[] | undefined } {
  const checked = v.safeParse(applicationSchema, value);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new XiaError('bad-config', `the guest's application: ${v.getDotPath(issue) ?? ''}: ${issue.message}`);
  }
  const { key, name, trust } = checked.output;
  return { key, name, trustedAds: trust.length === 0 ? undefined : trust.map((text) => Xid.parse(text)) };
}
