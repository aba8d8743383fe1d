/**
 * One entry of `http_filters` or of a filter chain's `filters`, in the order of the configuration (Envoy's HttpFilter
 * and Filter). What `config` holds is known to the step of this kind alone; immutable.
 */
export interface FilterConfig {
  /** As configured; a route's own settings for the filter stand under it (typed_per_filter_config). */
  readonly name: string
  /** Envoy's canonical name of what it does, e.g. `envoy.filters.http.fault`. */
  readonly kind: string
  readonly config: unknown
}
