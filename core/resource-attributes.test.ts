import fc from 'fast-check'
import t from 'tap'
import {
  annotatedAttributes,
  formatResourceAttributes,
  ownerAttributes,
  parseResourceAttributes,
  serviceName,
  serviceVersion,
  type NamedPod,
} from './resource-attributes.ts'

const pod = (over: Partial<NamedPod> = {}): NamedPod => ({
  name: 'catalog-5d8f6-x2x9z',
  labels: {},
  annotations: {},
  owner: undefined,
  ...over,
})

t.test('a service is called by the first that says so, in the order of the specification', async (t) => {
  const owned = {
    labels: { 'pod-template-hash': '5d8f6' },
    owner: { kind: 'ReplicaSet', name: 'catalog-5d8f6' },
  }
  t.equal(serviceName(pod(owned)), 'catalog', "its Deployment's name")
  const named = { ...owned, labels: { ...owned.labels, 'app.kubernetes.io/name': 'shop-catalog' } }
  t.equal(serviceName(pod(named)), 'shop-catalog')
  const instance = { ...named, labels: { ...named.labels, 'app.kubernetes.io/instance': 'catalog-eu' } }
  t.equal(serviceName(pod(instance)), 'catalog-eu')
  const annotations = { 'resource.opentelemetry.io/service.name': ' the catalog ' }
  t.equal(serviceName(pod({ ...instance, annotations })), 'the catalog')
  t.equal(
    serviceName(pod({ ...owned, annotations: { 'resource.opentelemetry.io/service.name': '  ' } })),
    'catalog',
    'nothing is no name',
  )
  t.equal(serviceName(pod()), 'catalog-5d8f6-x2x9z')
  t.equal(serviceName(pod({ name: '' })), '')
})

t.test('owners, and theirs as far as names tell them', async (t) => {
  const cases: [kind: string, name: string, hash: string, attributes: string][] = [
    ['Deployment', 'web', '', 'k8s.deployment.name=web'],
    ['ReplicaSet', 'web-5d8f6', '5d8f6', 'k8s.deployment.name=web,k8s.replicaset.name=web-5d8f6'],
    ['ReplicaSet', 'web-5d8f6', '', 'k8s.replicaset.name=web-5d8f6'],
    ['ReplicaSet', 'web-5d8f6', 'other', 'k8s.replicaset.name=web-5d8f6'],
    ['ReplicaSet', '-5d8f6', '5d8f6', 'k8s.replicaset.name=-5d8f6'],
    ['StatefulSet', 'db', '', 'k8s.statefulset.name=db'],
    ['DaemonSet', 'agent', '', 'k8s.daemonset.name=agent'],
    ['CronJob', 'report', '', 'k8s.cronjob.name=report'],
    ['Job', 'report-29571840', '', 'k8s.cronjob.name=report,k8s.job.name=report-29571840'],
    ['Job', 'report-20260131', '', 'k8s.job.name=report-20260131'],
    ['Job', 'migrate', '', 'k8s.job.name=migrate'],
    ['Rollout', 'web', '', ''],
    ['constructor', 'web', '', ''],
    ['Deployment', '', '', ''],
  ]
  for (const [kind, name, hash, attributes] of cases) {
    const labels: Record<string, string> = hash === '' ? {} : { 'pod-template-hash': hash }
    t.equal(formatResourceAttributes(ownerAttributes(pod({ owner: { kind, name }, labels }))), attributes)
  }
})

t.test('versions: annotation, label, then tag and digest of the image', async (t) => {
  const version = (image: string, over: Partial<NamedPod> = {}) => serviceVersion(pod(over), image)
  const digest = `sha256:${'0'.repeat(64)}`
  t.equal(version('web'), '')
  t.equal(version('registry.example:5000/shop/web'), '')
  t.equal(version('registry.example:5000/shop/web:1.2'), '1.2')
  t.equal(version(`web@${digest}`), digest)
  t.equal(version(`web:1.2@${digest}`), `1.2@${digest}`)
  const labels = { 'app.kubernetes.io/version': '7' }
  t.equal(version('web:1.2', { labels }), '7')
  t.equal(
    version('web:1.2', { labels, annotations: { 'resource.opentelemetry.io/service.version': '8' } }),
    '8',
  )
})

t.test('annotations set what attributes they like, but facts of the pod', async (t) => {
  const annotations = {
    'resource.opentelemetry.io/deployment.environment.name': 'test, or so = 1',
    'resource.opentelemetry.io/k8s.pod.name': 'another',
    'resource.opentelemetry.io/Not A Name': 'x',
    'resource.opentelemetry.io/empty': '',
    'other.example/team': 'shop',
  }
  t.strictSame(annotatedAttributes(pod({ annotations })), [
    ['deployment.environment.name', 'test, or so = 1'],
  ])
  const many = Object.fromEntries(
    Array.from({ length: 100 }, (_, at) => [`resource.opentelemetry.io/a${at}`, '\u{1f600}'.repeat(500)]),
  )
  const bounded = annotatedAttributes(pod({ annotations: many }))
  t.equal(bounded.length, 32)
  t.ok(bounded.every(([, value]) => value.length <= 255 && value.isWellFormed()))
})

t.test('attributes come out of the environment as they went in', async (t) => {
  const value = fc.string({ minLength: 1, unit: 'grapheme' })
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_.]{0,20}$/), value), (attributes) => {
      const text = formatResourceAttributes(Object.entries(attributes))
      // Kubernetes replaces $(NAME) in a container's environment.
      if (text.includes('$')) return false
      return JSON.stringify([...parseResourceAttributes(text)]) === JSON.stringify(Object.entries(attributes))
    }),
  )
  t.strictSame(
    [...parseResourceAttributes(' a = b%20c , d=, ')],
    [
      ['a', 'b c'],
      ['d', ''],
    ],
  )
  for (const wrong of ['a', '=b', 'a=b,c', 'a=%zz']) t.equal(parseResourceAttributes(wrong).size, 0, wrong)
})
