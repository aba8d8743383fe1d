/** A board in our words: what it asks and how that is shown. Grafana's form is board.ts's. */
export interface BoardDescription {
  /** File name without `.json`, and the end of its address in Grafana. */
  readonly name: string
  readonly title: string
  /** What questions it answers. */
  readonly description: string
  /** Beside the data source, which every board has. */
  readonly variables: readonly VariableDescription[]
  readonly rows: readonly { readonly title: string; readonly panels: readonly PanelDescription[] }[]
}

/** What may be chosen at the top of a board. */
export interface VariableDescription {
  readonly name: string
  readonly label: string
  /** `label_values(metric{...}, label)`: its values. */
  readonly query: string
  /** Several at once, or all. */
  readonly several?: boolean
}

export interface PanelDescription {
  readonly kind: 'graph' | 'stat' | 'table'
  readonly title: string
  readonly description?: string
  /** Grafana's name of a unit: `s`, `bytes`, `reqps`, `percentunit`, `short`. */
  readonly unit: string
  /** Of 24 columns. */
  readonly width: number
  readonly queries: readonly QueryDescription[]
  /** From where on it is orange and red; where `warn` is above `bad`, less is worse. */
  readonly thresholds?: { readonly warn?: number; readonly bad: number }
  readonly min?: number
  readonly max?: number
  readonly stacked?: boolean
  /** Of a table: what its labels are called. */
  readonly columns?: Readonly<Record<string, string>>
}

export interface QueryDescription {
  readonly expr: string
  /** What a series is called, with `{{label}}`; of a table, its column. */
  readonly legend: string
  /** Of a column, where it is not the panel's. */
  readonly unit?: string
  /** Has no series while all is well, or without what it tells of: a retry, an ejection, a rate limit. */
  readonly mayBeEmpty?: boolean
}
