// SPDX-License-Identifier: GPL-2.0
/*
 * Counts what the kernel throws away, by namespace, device, reason and place: /proc/skb_drops, a line each; whatever is
 * written to it sets it to nothing. This kernel can't run programs of its own machine (BPF), which count the same on
 * others; the tracepoint's text does not say the namespace. Built into the kernel that build.sh makes; changes nothing
 * that a packet meets.
 */
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <net/dropreason.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <trace/events/skb.h>

struct drop {
	unsigned int ns;
	int ifindex;
	unsigned int reason;
	void *place;
	unsigned long count;
};

#define MOST 4096

static struct drop drops[MOST];
static unsigned int used;
static unsigned long more;
static DEFINE_SPINLOCK(lock);

/* What lies in skb->dev may be something else by now. */
static bool is_pointer(const void *p)
{
	return p && IS_ALIGNED((unsigned long)p, sizeof(void *)) && virt_addr_valid(p);
}

static bool number_of(const struct net *net, unsigned int *ns)
{
	if (!is_pointer(net) && net != &init_net)
		return false;
	*ns = net->ns.inum;
	return true;
}

/* The device knows, else the socket that it was for, else the one that it came from. */
static void find(const struct sk_buff *skb, const struct sock *rx_sk, struct drop *d)
{
	if (is_pointer(skb->dev) && number_of(dev_net(skb->dev), &d->ns)) {
		d->ifindex = skb->dev->ifindex;
		return;
	}
	if (is_pointer(rx_sk) && number_of(sock_net(rx_sk), &d->ns))
		return;
	if (is_pointer(skb->sk))
		number_of(sock_net(skb->sk), &d->ns);
}

static void dropped(void *data, struct sk_buff *skb, void *place, enum skb_drop_reason reason, struct sock *rx_sk)
{
	struct drop d = { .reason = reason, .place = place };
	unsigned long flags;
	unsigned int i;

	find(skb, rx_sk, &d);
	spin_lock_irqsave(&lock, flags);
	for (i = 0; i < used; i++)
		if (drops[i].ns == d.ns && drops[i].ifindex == d.ifindex &&
		    drops[i].reason == d.reason && drops[i].place == d.place)
			break;
	if (i == MOST) {
		more++;
	} else {
		if (i == used)
			drops[used++] = d;
		drops[i].count++;
	}
	spin_unlock_irqrestore(&lock, flags);
}

static void show_reason(struct seq_file *m, unsigned int reason)
{
	const struct drop_reason_list *list = NULL;
	unsigned int subsys = reason >> SKB_DROP_REASON_SUBSYS_SHIFT;
	unsigned int n = reason & ~SKB_DROP_REASON_SUBSYS_MASK;

	rcu_read_lock();
	if (subsys < SKB_DROP_REASON_SUBSYS_NUM)
		list = rcu_dereference(drop_reasons_by_subsys[subsys]);
	if (list && n < list->n_reasons && list->reasons[n])
		seq_puts(m, list->reasons[n]);
	else
		seq_printf(m, "reason-%u", reason);
	rcu_read_unlock();
}

static int show(struct seq_file *m, void *v)
{
	unsigned int i;

	for (i = 0; i < used; i++) {
		seq_printf(m, "%u %d ", drops[i].ns, drops[i].ifindex);
		show_reason(m, drops[i].reason);
		seq_printf(m, " %ps %lu\n", drops[i].place, drops[i].count);
	}
	if (more)
		seq_printf(m, "more %lu\n", more);
	return 0;
}

static ssize_t clear(struct file *file, const char __user *text, size_t n, loff_t *at)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	used = 0;
	more = 0;
	spin_unlock_irqrestore(&lock, flags);
	return n;
}

static int open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static const struct proc_ops ops = {
	.proc_open = open,
	.proc_read = seq_read,
	.proc_write = clear,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init skb_drops(void)
{
	if (!proc_create("skb_drops", 0644, NULL, &ops))
		return -ENOMEM;
	return register_trace_kfree_skb(dropped, NULL);
}
late_initcall(skb_drops);
