/**
 * The table of what is served: message, field, and what the field may hold. Pure data, for the codecs are generated
 * from it. A field stands here when a change of it changes what the runtime does, or is refused.
 */

/** Who configures: a file at start, or a control plane by ADS. */
export type Source = 'bootstrap' | 'ads'

/** What one field may hold beyond what its type allows. */
export interface FieldRow {
  /** Taken from there only; left out: from both. */
  readonly source?: Source
  /** Envoy, or Weft, cannot do without it. */
  readonly required?: boolean
  /** Only these values, as text: where the runtime does one thing and not the other. */
  readonly values?: readonly string[]
  /** Only these keys of a map; where its values are a google.protobuf.Struct, with the keys of each, or any. */
  readonly keys?: Readonly<Record<string, readonly string[] | 'any'>>
  /** Full names of the messages that a google.protobuf.Any may hold. */
  readonly types?: readonly string[]
  /** The fields of the message where it stands here, in place of its own rows. Empty: only `{}`. */
  readonly within?: Readonly<Record<string, Omit<FieldRow, 'secret'>>>
  /** Never printed, whatever its place; of a message the names of files are. */
  readonly secret?: boolean
}

/** By the name in the .proto file, e.g. `filter_chains`. */
export type Fields = Readonly<Record<string, FieldRow>>

/** By full name, e.g. `envoy.config.listener.v3.Listener`. */
export type Messages = Readonly<Record<string, Fields>>

/** What the field's type allows. */
export const ANY: FieldRow = {}
export const REQUIRED: FieldRow = { required: true }
/** A message whose defaults are what is done. */
export const EMPTY: FieldRow = { within: {} }

export function only(...values: readonly string[]): FieldRow {
  return { values }
}
