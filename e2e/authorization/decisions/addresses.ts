import type { Scene } from '../scene.ts'
import { allow, deny, from, when } from '../written.ts'

// Where a connection comes from: the address at its other end, whatever headers say.

export const ADDRESSES: readonly Scene[] = [
  {
    name: 'one address',
    objects: [allow('p', [from({ ipBlocks: ['10.2.0.7'] })])],
    asked: [
      ['shop/web', { address: '10.2.0.7' }, 'allow payments/p/0'],
      ['', { address: '10.2.0.7' }, 'allow payments/p/0'],
      ['shop/web', { address: '10.2.0.70' }, 'deny'],
      ['shop/web', { address: '10.2.0.6' }, 'deny'],
      ['shop/web', { address: '10.2.0.8', headers: ['x-forwarded-for: 10.2.0.7'] }, 'deny'],
      ['shop/web', { address: '10.2.0.8', headers: ['x-envoy-external-address: 10.2.0.7'] }, 'deny'],
      ['shop/web', { address: '10.2.0.8', headers: ['forwarded: for=10.2.0.7'] }, 'deny'],
    ],
  },
  {
    name: 'blocks of IPv4',
    objects: [allow('p', [from({ ipBlocks: ['10.2.0.0/24', '10.3.128.0/17'] })])],
    asked: [
      ['', { address: '10.2.0.0' }, 'allow payments/p/0'],
      ['', { address: '10.2.0.255' }, 'allow payments/p/0'],
      ['', { address: '10.2.1.0' }, 'deny'],
      ['', { address: '10.1.255.255' }, 'deny'],
      ['', { address: '10.3.128.1' }, 'allow payments/p/0'],
      ['', { address: '10.3.127.255' }, 'deny'],
      ['', { address: '10.3.255.255' }, 'allow payments/p/0'],
      ['', { address: '::ffff:10.2.0.9' }, 'allow payments/p/0'],
      ['', { address: '::ffff:10.2.1.9' }, 'deny'],
      ['', { address: 'fd00:2::a02:9' }, 'deny'],
    ],
  },
  {
    name: 'blocks of IPv6',
    objects: [allow('p', [from({ ipBlocks: ['fd00:2::/64', 'fd00:3::1'] })])],
    asked: [
      ['', { address: 'fd00:2::1' }, 'allow payments/p/0'],
      ['', { address: 'fd00:2::ffff:ffff:ffff:ffff' }, 'allow payments/p/0'],
      ['', { address: 'fd00:2:0:1::1' }, 'deny'],
      ['', { address: 'fd00:3::1' }, 'allow payments/p/0'],
      ['', { address: 'fd00:3::2' }, 'deny'],
      ['', { address: '10.2.0.7' }, 'deny'],
    ],
  },
  {
    name: 'all of IPv4 is nothing of IPv6',
    objects: [deny('d', [from({ ipBlocks: ['0.0.0.0/0'] })])],
    asked: [
      ['shop/web', { address: '10.2.0.7' }, 'deny payments/d/0'],
      ['shop/web', { address: '::ffff:10.2.0.7' }, 'deny payments/d/0'],
      ['shop/web', { address: 'fd00:2::1' }, 'allow'],
    ],
  },
  {
    name: 'everywhere but',
    objects: [deny('d', [from({ notIpBlocks: ['10.2.0.0/16', 'fd00:2::/32'] })])],
    asked: [
      ['shop/web', { address: '10.2.9.9' }, 'allow'],
      ['shop/web', { address: '10.3.0.1' }, 'deny payments/d/0'],
      ['shop/web', { address: 'fd00:2:1::1' }, 'allow'],
      ['shop/web', { address: 'fd00:3::1' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a block, but for one address, of a namespace',
    objects: [
      allow('p', [from({ ipBlocks: ['10.2.0.0/16'], notIpBlocks: ['10.2.0.9'], namespaces: ['shop'] })]),
    ],
    asked: [
      ['shop/web', { address: '10.2.0.8' }, 'allow payments/p/0'],
      ['shop/web', { address: '10.2.0.9' }, 'deny'],
      ['other/web', { address: '10.2.0.8' }, 'deny'],
      ['', { address: '10.2.0.8' }, 'deny'],
    ],
  },
  {
    name: 'source.ip as a condition',
    objects: [allow('p', [when({ key: 'source.ip', values: ['10.2.0.0/16'], notValues: ['10.2.1.0/24'] })])],
    asked: [
      ['', { address: '10.2.0.1' }, 'allow payments/p/0'],
      ['', { address: '10.2.1.1' }, 'deny'],
      ['', { address: '10.3.0.1' }, 'deny'],
    ],
  },
]
