import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { fencesOf } from '../../document-fences.ts'
import type { Scene } from '../scene.ts'
import type { WrittenObject } from '../written.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/security.md'), 'utf8')

/** The policies of a step "From open to closed", as the page has them. */
function stepOf(heading: string): readonly WrittenObject[] {
  const from = PAGE.indexOf(`\n### ${heading}\n`)
  const fence = fencesOf(PAGE.slice(from)).find(({ language }) => language === 'yaml')
  if (from < 0 || !fence) throw new Error(`docs/security.md has no example under "${heading}"`)
  return parseAllDocuments(fence.text).map((document) => document.toJS() as WrittenObject)
}

const PRICES = { to: 'pay:9000', method: 'POST' }

export const STEPS_OF_PAGE: readonly Scene[] = [
  {
    name: 'the page: each namespace for itself',
    objects: stepOf('2. Each namespace for itself'),
    asked: [
      ['shop/web', {}, 'allow payments/from-shop/0'],
      ['payments/ledger', {}, 'allow payments/from-shop/0'],
      ['other/web', {}, 'deny'],
      ['shop/web', { to: 'cart:8080' }, 'allow mesh/default/SameNamespace'],
      ['payments/pay', { to: 'cart:8080' }, 'deny'],
    ],
  },
  {
    name: 'the page: nobody but who has to',
    objects: stepOf('3. Nobody but who has to'),
    asked: [
      ['shop/web', { method: 'POST', path: '/charge' }, 'allow payments/pay/0'],
      ['shop/web', { method: 'GET', path: '/charge' }, 'deny'],
      ['shop/web', { path: '/users/7/cards/a/b' }, 'allow payments/pay/0'],
      ['shop/web', { path: '/users/7/cards' }, 'deny'],
      ['shop/cart', { method: 'POST', path: '/charge' }, 'deny'],
      ['shop/catalog', { ...PRICES, path: '/shop.v1.Prices/GetPrice' }, 'allow payments/pay/1'],
      ['shop/catalog', { ...PRICES, path: '/shop.v1.Prices/SetPrice' }, 'deny'],
      ['shop/catalog', { ...PRICES, path: '/grpc.health.v1.Health/Check' }, 'allow payments/pay/1'],
      ['shop/web', { ...PRICES, path: '/shop.v1.Prices/GetPrice' }, 'deny'],
      ['shop/web', { path: '/admin/x' }, 'deny payments/no-admin/0'],
      ['operators/console', { path: '/admin' }, 'deny'],
      ['shop/web', { to: 'ledger:8080' }, 'deny'],
    ],
  },
]
