import { readFile } from 'node:fs/promises';

const TABLES = ['/proc/net/udp', '/proc/net/udp6'];

/** Datagrams that the system dropped for want of room on the sockets with these addresses; 0 where it does not tell. */
export async function kernelDrops(addresses: readonly string[]): Promise<number> {
  const ports = new Set(addresses.map((address) => Number(address.slice(address.lastIndexOf(':') + 1))));
  const tables = await Promise.all(TABLES.map(async (file) => readFile(file, 'utf8').catch(() => '')));
  return tables.reduce((sum, table) => sum + dropsOf(table, ports), 0);
}

/** @param table as /proc/net/udp has it: the local address in the second column, drops in the last */
export function dropsOf(table: string, ports: ReadonlySet<number>): number {
  let drops = 0;
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    const port = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16);
    if (ports.has(port)) drops += Number(columns.at(-1));
  }
  return drops;
}
