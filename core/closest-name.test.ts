import t from 'tap'
import { closestName, didYouMean } from './closest-name.ts'

t.test('a slip of the pen is found, another word is not', async (t) => {
  const kinds = ['HTTPRoute', 'GRPCRoute', 'Deployment', 'PeerAuthentication']
  for (const [word, meant] of [
    ['HTTPRuote', 'HTTPRoute'],
    ['httproute', 'HTTPRoute'],
    ['Deploymnet', 'Deployment'],
    ['Deployments', 'Deployment'],
    ['PeerAuthentcation', 'PeerAuthentication'],
    ['Route', 'HTTPRoute'],
    ['Certificate', undefined],
    ['', undefined],
  ] as const)
    t.equal(closestName(word, kinds), meant, word)
  t.equal(closestName('prot', ['port', 'path']), 'port', 'two letters swapped are one mistake')
  t.equal(closestName('policies', ['policy'], 1), undefined, 'no more than is allowed')
  t.equal(didYouMean('replcias', ['replicas'], 'take it out'), 'did you mean replicas?')
  t.equal(didYouMean('x', ['replicas'], 'take it out'), 'take it out')
})
