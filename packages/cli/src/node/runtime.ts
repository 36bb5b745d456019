import type { LoadedConfig } from '@wirepath/core';
import type { Logger, PacketPort } from '@wirepath/core/plugin';
import type { Connection, ExplainDocument, NetcheckDocument, StatusDocument } from './documents.js';

export interface PingReply {
  readonly rttMs: number;
  /** The path that answered, as `explain` names it. */
  readonly via: string;
  readonly connection: Connection;
}

/** What the command needs of core's node, and nothing more: tests hand in a fake. */
export interface RunnableNode {
  start(options: { signal: AbortSignal }): Promise<void>;
  stop(): Promise<void>;
  status(): StatusDocument;
  /** @throws CodedError PEER_NOT_FOUND */
  explain(peer: string): ExplainDocument;
  /** Undefined when nothing answered in time. @throws CodedError PEER_NOT_FOUND */
  ping(peer: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<PingReply | undefined>;
  netcheck(options: { signal: AbortSignal }): Promise<NetcheckDocument>;
  reload(config: LoadedConfig): Promise<void>;
  /** Something that `status` shows has changed. */
  onChange(listener: () => void): Disposable;
  /** In-process packets, where the transport has no device. */
  readonly packets: PacketPort | undefined;
}

export type CreateNode = (config: LoadedConfig, environment: { logger: Logger }) => Promise<RunnableNode>;
