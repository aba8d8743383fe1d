import t from 'tap'
import type { AuditEvent } from './audit.ts'
import { refusedOf, rightsOf, unusedRights } from './rights.ts'

const RULES = [
  { apiGroups: [''], resources: ['pods', 'services'], verbs: ['list', 'watch'] },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes/status'], verbs: ['patch'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: ['weft-ca'], verbs: ['get'] },
]

function event(verb: string, objectRef: AuditEvent['objectRef'], code = 200): AuditEvent {
  return {
    stage: 'ResponseComplete',
    verb,
    user: { username: 'system:serviceaccount:weft-system:weft-control-plane' },
    requestURI: '/some',
    objectRef: objectRef ?? {},
    responseStatus: { code },
  }
}

t.test('a right is used by a request of its verb, group, resource, subresource and name', (t) => {
  const rights = rightsOf(RULES)
  t.equal(rights.length, 6)
  const used = [
    event('list', { resource: 'pods' }),
    event('watch', { resource: 'services' }),
    event('patch', {
      apiGroup: 'gateway.networking.k8s.io',
      resource: 'httproutes',
      subresource: 'status',
      name: 'a',
    }),
    event('get', { resource: 'secrets', name: 'other' }),
  ]
  t.same(unusedRights(rights, used), ['list /services', 'watch /pods', 'get /secrets weft-ca'])
  t.same(unusedRights(['get /secrets weft-ca'], [event('get', { resource: 'secrets', name: 'weft-ca' })]), [])
  t.end()
})

t.test('a request that was refused uses no right and is told', (t) => {
  const refused = event('list', { resource: 'pods' }, 403)
  t.same(unusedRights(['list /pods'], [refused]), ['list /pods'])
  const ending = { ...refused, annotations: { 'authorization.k8s.io/decision': 'allow' } }
  t.same(refusedOf([refused, ending, event('list', { resource: 'pods' })]), [
    'system:serviceaccount:weft-system:weft-control-plane: list /some',
  ])
  t.end()
})
