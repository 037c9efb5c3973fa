/** The present time for the name of a folder, such as `2024-01-31-235959`, in UTC. */
export function timestamp(): string {
  return new Date().toISOString().replaceAll(':', '').replace('T', '-').slice(0, 17);
}
