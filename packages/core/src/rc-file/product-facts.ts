/** What an rc file is read for: data, which can be told to another thread. */
export interface ProductFacts {
  /** Lower case, as typed; rc files and keys of `package.json` are named after it. */
  readonly name: string;
  /** Of environment variables: `WIREPATH`. */
  readonly environmentPrefix: string;
  /** What a node's list of plugins is where the file has none. */
  readonly defaultPlugins: readonly unknown[];
}
