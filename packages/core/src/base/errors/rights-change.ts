/** What makes the rights of a file or a folder right. */
export interface RightsChange {
  /** As a shell takes it, without what it is for: `chmod go-w`. */
  readonly command: string;
  /** Absolute. */
  readonly path: string;
}
