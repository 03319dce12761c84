// The pages, rendered on the server.

const html = (text) => String(text).replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

const layout = ({ title, script = 'app.js', ways = '', narrow = false, main }) => `<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html(title)} · Orders</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/style.css">
<script type="module" src="/assets/meter.js"></script>
<script type="module" src="/assets/${script}"></script>
</head>
<body>
<div class="page${narrow ? ' narrow' : ''}">
<header class="masthead">
<a class="brand" href="/"><svg class="mark" viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M12 28.1a12.8 12.8 0 1 1 8 0"/><path d="M16 29V14.5"/><path fill="currentColor" d="M16 21.5c-4.9 0-7-2.7-7-6.8 4.9 0 7 2.7 7 6.8Zm0-5.2c0-4.7 2.4-7.3 7-7.8 0 5-2.4 7.8-7 7.8Z"/></svg>Orders</a>
${ways}
</header>
<main>
${main}
</main>
<request-meter></request-meter>
</div>
</body>
</html>
`

const ways = `<nav class="ways">
<form method="post" action="/api/v1/users/auth/logout"><button class="secondary small">Sign out</button></form>
</nav>`

const state = ({ sent }) => `<span class="tag${sent ? '' : ' on'}">${sent ? 'Sent' : 'To send'}</span>`

export const loginPage = () =>
  layout({
    title: 'Sign in',
    script: 'login.js',
    narrow: true,
    main: `<div class="card">
<h1>Sign in</h1>
<p class="message" id="ended" role="status" hidden>You were signed out. Sign in to go on where you were.</p>
<form id="login">
<p class="message problem" id="problem" role="alert" hidden></p>
<div class="field"><label for="email">E-mail address</label><input id="email" name="email" type="email" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus></div>
<div class="field"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required></div>
<button class="primary wide">Sign in</button>
</form>
</div>
<p class="aside">The terminal that started this shows two accounts.</p>`,
  })

const toSend = (count) => `${count || 'No'} ${count === 1 ? 'order' : 'orders'} to send`

export const ordersPage = ({ name }, orders) =>
  layout({
    title: 'All',
    ways,
    main: `<div class="intro"><p class="eyebrow">Signed in as ${html(name)}</p><h1>${toSend(orders.filter(({ sent }) => !sent).length)}</h1></div>
<div class="actions"><button class="secondary small" id="stock" type="button">Look up all stock at once</button></div>
<p class="message problem" id="problem" role="alert" hidden></p>
<ul class="rows card">${orders
      .map(
        (order) => `
<li><a href="/orders/${order.id}">${html(order.customer)}</a><span class="hint">${html(order.items)}</span><span class="hint" data-stock="${order.id}"></span>${state(order)}</li>`,
      )
      .join('')}
</ul>
<form class="aside" method="post" action="/api/v1/users/auth/logout-others">Lost a device? <button class="link">Sign out everywhere else</button></form>`,
  })

export const orderPage = (_, order) =>
  layout({
    title: order.id,
    ways,
    main: `<div class="intro"><p class="eyebrow"><a href="/">All orders</a></p><h1>Order ${order.id}</h1></div>
<p class="message problem" id="problem" role="alert" hidden></p>
<section class="card"><dl class="facts">
<div><dt>For</dt><dd>${html(order.customer)}</dd></div>
<div><dt>Items</dt><dd>${html(order.items)}</dd></div>
<div><dt>Total</dt><dd>€ ${order.total}</dd></div>
<div><dt>State</dt><dd id="state">${state(order)}</dd></div>
</dl></section>
<button class="primary" id="send" type="button" data-id="${order.id}" data-sent="${!order.sent}">${order.sent ? 'Take back' : 'Mark as sent'}</button>`,
  })

export const missingPage = () =>
  layout({
    title: 'Not found',
    ways,
    main: '<div class="intro"><h1>There is no such page</h1><p class="lead"><a href="/">All orders</a></p></div>',
  })
