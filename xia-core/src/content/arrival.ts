import type { ChunkFetch, Flight } from './chunk-fetch.js';

/**
 * Notes that the bytes `[start, end)` of a chunk arrived, in segments of so many bytes: tells the flights that wait for them, on
 * whatever path these were asked for. Returns how many are new.
 */
export function noteArrival(chunk: ChunkFetch, start: number, end: number, segmentBytes: number, now: number): number {
  const { received, flights } = chunk;
  const cut = end - start > segmentBytes ? flightStartIn(flights, start, end) : end;
  // What came first is noted first, or it would seem to have been overtaken.
  if (cut < end) return noteArrival(chunk, start, cut, segmentBytes, now) + noteArrival(chunk, cut, end, segmentBytes, now);
  let fresh = 0;
  // Backwards, since a flight that is complete or given up goes, and the last one takes its place.
  for (let i = flights.length - 1; i >= 0; i--) {
    // More than one may have gone meanwhile.
    const flight = flights[i];
    if (flight === undefined || flight.end <= start || flight.start >= end) continue;
    const { path } = flight.source;
    if (start === flight.start && !flight.repeated) {
      const firstBytes = Math.min(segmentBytes, end - start);
      path.learnSegment(firstBytes, start + firstBytes === flight.end);
    }
    const arrived = received.add(Math.max(start, flight.start), Math.min(end, flight.end));
    if (arrived === 0) continue;
    fresh += arrived;
    chunk.progressed(flight.source, now);
    path.progress(flight, arrived, end, segmentBytes, now);
  }
  const unasked = received.add(start, end);
  if (unasked === 0) return fresh;
  // Bytes that no flight waits for: of a range that was given up, or more than was asked for.
  if (end > chunk.frontier) chunk.unsolicited = true;
  if (chunk.lost.count > 0) {
    const before = chunk.lost.covered;
    chunk.lost.remove(start, end);
    if (chunk.lost.covered < before) chunk.givenUpBy?.wasHasty(before - chunk.lost.covered, now);
  }
  chunk.progressed(undefined, now);
  return fresh + unasked;
}

/** Where a flight begins between the two; `end` if none does. */
function flightStartIn(flights: readonly Flight[], start: number, end: number): number {
  for (const flight of flights) if (flight.start > start && flight.start < end) return flight.start;
  return end;
}
