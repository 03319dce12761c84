// <request-meter>: what this page asked since it was loaded, read from the browser's own list. Every application shows
// one, so that you see what its session costs.

import { AUTH } from './calls.js'

class RequestMeter extends HTMLElement {
  #auth = []
  #api = 0
  #observer

  connectedCallback() {
    this.#observer = new PerformanceObserver((list) => this.#count(list.getEntries()))
    this.#auth = []
    this.#api = 0
    this.#draw()
    this.#observer.observe({ type: 'resource', buffered: true })
  }

  disconnectedCallback() {
    this.#observer.disconnect()
  }

  #count(entries) {
    for (const { initiatorType, name } of entries) {
      if (initiatorType !== 'fetch' && initiatorType !== 'xmlhttprequest') continue
      const call = AUTH.exec(new URL(name).pathname)?.[1]
      if (call) this.#auth.push(call)
      else this.#api += 1
    }
    this.#draw()
  }

  #draw() {
    const calls = this.#auth.slice(-4).join(', ')
    const times = (count) => `${count} ${count === 1 ? 'request' : 'requests'}`
    this.innerHTML = `<p class="meter"><span>This page, since it was loaded</span><span><b data-auth>${times(this.#auth.length)}</b> about the session${calls && ` <code>${calls}</code>`}, <b>${this.#api}</b> to the API</span></p>`
  }
}

customElements.define('request-meter', RequestMeter)
