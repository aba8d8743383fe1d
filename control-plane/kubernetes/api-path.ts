/** What a request is about, as RBAC sees it. */
export interface ApiTarget {
  /** '' is the core group. */
  readonly group: string
  /** With its subresource: `pods`, `tokenreviews`, `httproutes/status`; '' for a path that is no resource. */
  readonly resource: string
  /** '' for all, or for what has none. */
  readonly namespace: string
  readonly name: string
  /** get, list, watch, create, update, patch, delete, deletecollection; for other paths the method in lower case. */
  readonly verb: string
}

export type ApiQuery = Readonly<Record<string, string | number | boolean | undefined>>

/** Reads `/api/v1/...` and `/apis/GROUP/VERSION/...` as the API server does. */
export function targetOf(method: string, path: string, query: ApiQuery = {}): ApiTarget {
  const steps = path.split('/').slice(1).map(decodeURIComponent)
  const group = steps[0] === 'apis' ? (steps[1] ?? '') : ''
  const rest = steps[0] === 'apis' ? steps.slice(3) : steps[0] === 'api' ? steps.slice(2) : []
  let namespace = ''
  let [resource = '', name = '', ...below] = rest
  if (resource === 'namespaces' && below.length > 0 && !NAMESPACE_SUBRESOURCES.has(below[0] ?? '')) {
    namespace = name
    ;[resource = '', name = '', ...below] = below
  }
  if (below.length > 0) resource = `${resource}/${below.join('/')}`
  if (resource === '') return { group: '', resource, namespace, name: '', verb: method.toLowerCase() }
  return { group, resource, namespace, name, verb: verbOf(method, name, query) }
}

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize'])

function verbOf(method: string, name: string, query: ApiQuery): string {
  switch (method) {
    case 'GET':
      if (query['watch'] === true || query['watch'] === 'true') return 'watch'
      return name === '' ? 'list' : 'get'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete'
    default:
      return method.toLowerCase()
  }
}

/** `list pods`, `get configmap weft-system/weft-ca` */
export function describeTarget({ verb, resource, namespace, name }: ApiTarget, path: string): string {
  if (resource === '') return `${verb} ${path}`
  if (name !== '') return `${verb} ${resource} ${namespace === '' ? name : `${namespace}/${name}`}`
  return namespace === '' ? `${verb} ${resource}` : `${verb} ${resource} in namespace ${namespace}`
}

/** The RBAC rule that allows it, for a person who writes one. */
export function describeRule({ group, resource, namespace, verb, name }: ApiTarget, path: string): string {
  if (resource === '') return `verb "${verb}" on nonResourceURL "${path}"`
  const place = namespace === '' ? 'a ClusterRole' : `a Role in namespace ${namespace}`
  const one = name === '' ? '' : ` named "${name}"`
  return `verb "${verb}" on resource "${resource}"${one} of apiGroup "${group}" in ${place}`
}
