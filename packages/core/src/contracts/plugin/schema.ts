import type { z } from 'zod';

/** The schema library, handed to plugins so that they neither depend on it nor pay for its import. */
export type SchemaLibrary = typeof z;
export type Schema = z.ZodType;
