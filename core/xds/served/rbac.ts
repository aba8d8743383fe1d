import { ANY, only, REQUIRED, type FieldRow, type Messages } from './table.ts'

const RBAC = 'envoy.config.rbac.v3'
const MATCHER = 'envoy.type.matcher.v3'
const URI_TEMPLATE = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig'

/** The filter whose metadata is what a token claims. */
const TOKENS = 'envoy.filters.http.jwt_authn'

/** A StringMatcher, of which routes do not take all. */
const TEXT: FieldRow = {
  within: { exact: ANY, prefix: ANY, suffix: ANY, contains: ANY, safe_regex: ANY, ignore_case: ANY },
}
const HEADER: FieldRow = {
  within: { name: REQUIRED, string_match: TEXT, present_match: only('true') },
}
const TEMPLATE: FieldRow = {
  within: {
    name: { required: true, values: ['envoy.path.match.uri_template.uri_template_matcher'] },
    typed_config: { required: true, types: [URI_TEMPLATE] },
  },
}

/** The filter of requests. */
export const HTTP_RBAC: Messages = {
  'envoy.extensions.filters.http.rbac.v3.RBAC': { rules: ANY, shadow_rules: ANY },
}

/** The filter of connections. */
export const NETWORK_RBAC: Messages = {
  'envoy.extensions.filters.network.rbac.v3.RBAC': { rules: ANY, shadow_rules: ANY, stat_prefix: REQUIRED },
}

/** What both are made of: what a connection can't know is refused where it is read. */
export const RBAC_PARTS: Messages = {
  [`${RBAC}.RBAC`]: { action: ANY, policies: ANY },
  [`${RBAC}.Policy`]: { permissions: REQUIRED, principals: REQUIRED },
  [`${RBAC}.Permission`]: {
    and_rules: ANY,
    or_rules: ANY,
    not_rule: ANY,
    any: only('true'),
    header: HEADER,
    url_path: ANY,
    uri_template: TEMPLATE,
    destination_ip: ANY,
    destination_port: ANY,
    destination_port_range: ANY,
    metadata: ANY,
    requested_server_name: TEXT,
  },
  [`${RBAC}.Permission.Set`]: { rules: REQUIRED },
  [`${RBAC}.Principal`]: {
    and_ids: ANY,
    or_ids: ANY,
    not_id: ANY,
    any: only('true'),
    authenticated: ANY,
    direct_remote_ip: ANY,
    header: HEADER,
    url_path: ANY,
    metadata: ANY,
  },
  [`${RBAC}.Principal.Set`]: { ids: REQUIRED },
  [`${RBAC}.Principal.Authenticated`]: { principal_name: TEXT },
  [`${MATCHER}.PathMatcher`]: { path: { ...TEXT, required: true } },
  [`${MATCHER}.MetadataMatcher`]: {
    filter: { required: true, values: [TOKENS] },
    path: REQUIRED,
    value: REQUIRED,
  },
  [`${MATCHER}.MetadataMatcher.PathSegment`]: { key: REQUIRED },
  [`${MATCHER}.ValueMatcher`]: { string_match: TEXT, list_match: ANY },
  [`${MATCHER}.ListMatcher`]: {
    one_of: { required: true, within: { string_match: { ...TEXT, required: true } } },
  },
  [URI_TEMPLATE]: { path_template: REQUIRED },
  'envoy.config.core.v3.CidrRange': { address_prefix: REQUIRED, prefix_len: ANY },
  'envoy.type.v3.Int32Range': { start: ANY, end: ANY },
}
