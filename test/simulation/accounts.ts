/** Counters of a node, by part, as `NodeStack.counters` has them. */
export type NodeCounters = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What mobility counts that is not about a message that came in. */
const MOBILITY_OUTPUTS = new Set([
  'beacon:sent',
  'beacon:relayed',
  'beacon:greeted',
  'beacon:too-many-relays',
  'solicit:sent',
  'binding:prepared',
  'binding:sent',
  'binding:retransmitted',
  'patch:sent',
  'patch:retransmitted',
  'patch:unanswered',
  'patch:too-many-pending',
  'notice:sent',
  'notice:retransmitted',
  'prepare:retransmitted',
  'prepare:sent',
  'prepare:signed',
  'prepared:kept',
  'prepared:refused',
  'prepared:released',
  'prepared:repeated',
  'prepared:sent',
  'redirect:by-record',
  'redirect:failed',
  'redirect:followed',
  'redirect:limited',
  'redirect:no-credit',
  'redirect:no-proof',
  'redirect:sent',
  'redirect:unanswerable',
]);

/** What routing counts of messages that came in; the rest is about what it made of them, or sent. */
const ROUTING_INPUTS =
  /^(not-from-peer|message:.*|hello:(?!sent$).*|have:accepted|announcement:(?!(made|sent|retransmitted|unanswered|too-many-pending|aged-out|evicted)$).*)$/;

const total = (part: Readonly<Record<string, number>>, except: readonly string[] = []): number =>
  Object.entries(part).reduce((sum, [name, count]) => (except.includes(name) ? sum : sum + count), 0);

/**
 * Whether every packet that a node had to do with is found in exactly one counter, at each level: on its path, at its
 * delivery, and at the endpoint that it was for. Returns what does not add up, in words. No packet may be under way in the node.
 */
export function imbalances(counters: NodeCounters): string[] {
  const part = (name: string): Readonly<Record<string, number>> => counters[name] ?? {};
  const [path, delivery, streams, datagrams] = [part('path'), part('delivery'), part('streams'), part('datagrams')];
  const [mobility, responder, fetcher, xcmp, echoes] = [part('mobility'), part('responder'), part('fetcher'), part('xcmp'), part('echoes')];
  const found: string[] = [];
  const check = (what: string, came: number, counted: number): void => {
    if (came !== counted) found.push(`${what}: ${came} came, ${counted} are counted`);
  };
  const ofMobility = Object.entries(mobility).reduce((sum, [name, count]) => (MOBILITY_OUTPUTS.has(name) ? sum : sum + count), 0);
  check('path', path['received']! + path['originated']!, total(path, ['received', 'originated']));
  check('delivery', path['delivered']!, total(delivery));
  check('streams', delivery['stream']!, streams['packetsReceived']!);
  check('stream packets', streams['packetsReceived']!, total(streams, ['packetsReceived']));
  check('datagrams', delivery['datagram']!, total(datagrams));
  // Judged as if they had just come.
  const prepared = (mobility['prepared:released'] ?? 0) + (mobility['prepared:repeated'] ?? 0);
  check('mobility', delivery['bootstrap']! + prepared, ofMobility);
  const ofRouting = Object.entries(part('routing')).reduce((sum, [name, count]) => (ROUTING_INPUTS.test(name) ? sum + count : sum), 0);
  check('routing', delivery['routing']!, ofRouting);
  check('chunk requests', delivery['chunk-request']!, responder['requests']!);
  check('answers to chunk requests', responder['requests']!, total(responder, ['requests', 'segments', 'bytes']));
  check('chunk responses', delivery['chunk-response']!, fetcher['segments']! + fetcher['unexpected']!);
  const segments = ['contradictory', 'unwanted', 'empty', 'duplicates', 'fresh'].reduce((sum, name) => sum + fetcher[name]!, 0);
  check('segments', fetcher['segments']!, segments);
  check('echoes', delivery['echo']!, xcmp['echoReplies']! + xcmp['echoesLimited']! + xcmp['echoesUnanswerable']!);
  check('echo replies and errors', delivery['echo-reply']! + delivery['xcmp-error']!, total(echoes));
  return found;
}
