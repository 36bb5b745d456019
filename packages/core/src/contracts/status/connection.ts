/** Connection type of a path as this side sees it, best first. */
export const CONNECTION_TYPES = ['direct', 'hole-punched', 'relayed'] as const;
export type ConnectionType = (typeof CONNECTION_TYPES)[number];

/** Connection type of a peer's path, or why it has none. */
export type Connection = ConnectionType | 'connecting' | 'idle' | 'unreachable';
