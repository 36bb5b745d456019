const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `0 B`, `1.2 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would print as 1024.0.
  while (value >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(Math.round(value)) : value.toFixed(1)} ${BYTE_UNITS[unit] ?? ''}`;
}

/** A round-trip time: `0.31 ms`, `12.3 ms`, `240 ms`. */
export function formatRtt(rttMs: number | null): string {
  if (rttMs === null) return '-';
  if (rttMs < 9.995) return `${rttMs.toFixed(2)} ms`;
  return rttMs < 99.95 ? `${rttMs.toFixed(1)} ms` : `${String(Math.round(rttMs))} ms`;
}

/** A span in its two largest units: `12 s`, `3 min 5 s`, `2 h 1 min`, `4 d 3 h`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 60) return `${String(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return twoUnits(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return twoUnits(hours, 'h', minutes % 60, 'min');
  return twoUnits(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function twoUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${String(large)} ${largeUnit}` : `${String(large)} ${largeUnit} ${String(small)} ${smallUnit}`;
}

/** `950 kbit/s`, `1.24 Gbit/s`. */
export function formatBitRate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 999.5e6) return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
  if (bitsPerSecond >= 999.5e3) return `${String(Math.round(bitsPerSecond / 1e6))} Mbit/s`;
  return `${String(Math.round(bitsPerSecond / 1e3))} kbit/s`;
}
