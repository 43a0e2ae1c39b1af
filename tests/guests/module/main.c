// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Runs privileged instructions an exact number of times. A line "VERB COUNT" written to /proc/vmipl_test does the work on the
 * writer's CPU (which the writer has pinned itself to), each time with interrupts off; reading the file then tells the facts.
 * Nothing changes for good: tables and registers are loaded with what they hold, entries are written back.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/desc.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>
#include "sites.h"

#define UNUSED_VECTOR 200	/* an interrupt vector that a small guest never hands out */
#ifdef CONFIG_X86_64
#define UNUSED_DESCRIPTOR 7	/* asm/segment.h: between the user's and the TSS's */
#else
#define UNUSED_DESCRIPTOR 4
#endif

static char facts[400];

/* The facts of all work, and up to three of this one. */
static int tell(u32 count, const char *site, const char *more, unsigned long a, unsigned long b, unsigned long c)
{
	int n = scnprintf(facts, sizeof(facts), "count=%u cpu=%u site=0x%lx ", count, raw_smp_processor_id(), (unsigned long)site);

	scnprintf(facts + n, sizeof(facts) - n, more, a, b, c);
	return 0;
}

/* ---- tables ---- */

static int load_tables(u32 count, bool interrupts)
{
	struct desc_ptr table = { 0 };
	unsigned long flags;
	u32 i;

	for (i = 0; i < count; i++) {
		local_irq_save(flags);
		if (interrupts) {
			store_idt(&table);
			vmipl_lidt((unsigned long)&table, 0);
		} else {
			native_store_gdt(&table);
			vmipl_lgdt((unsigned long)&table, 0);
		}
		local_irq_restore(flags);
	}
	return tell(count, interrupts ? vmipl_lidt_site : vmipl_lgdt_site, "base=0x%lx limit=0x%lx", table.address, table.size, 0);
}

static int lidt(u32 count) { return load_tables(count, true); }
static int lgdt(u32 count) { return load_tables(count, false); }

/* ---- entries: each change is one store of a word, through an alias of our own, as the kernel's are read-only, or right there
 * with the protection off; the value is changed and put back in turn, so the number of stores must be even ---- */

/* The kernel's own function does not let anybody clear WP. */
static void set_cr0(unsigned long value)
{
	asm volatile("mov %0, %%cr0" : : "r" (value) : "memory");
}

static int write_entry(u32 count, unsigned long entry, unsigned long toggled, bool protected)
{
	phys_addr_t where = slow_virt_to_phys((void *)entry);
	struct page *page = pfn_to_page(where >> PAGE_SHIFT);
	char *alias;
	unsigned long *at, flags, old, cr0;
	u32 i;

	if (count % 2)
		return -EINVAL;
	alias = protected ? NULL : vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	if (!protected && !alias)
		return -ENOMEM;
	at = protected ? (unsigned long *)entry : (unsigned long *)(alias + offset_in_page(where));
	old = *at;
	for (i = 0; i < count; i++) {
		local_irq_save(flags);
		cr0 = read_cr0();
		if (protected)
			set_cr0(cr0 & ~X86_CR0_WP);
		vmipl_store((unsigned long)at, i % 2 ? old : old ^ toggled);
		if (protected)
			set_cr0(cr0);
		local_irq_restore(flags);
	}
	vunmap(alias);
	tell(count, vmipl_store_site, "address=0x%lx physical=0x%lx value=0x%lx", entry, (unsigned long)where, old);
	scnprintf(facts + strlen(facts), sizeof(facts) - strlen(facts), " changed=0x%lx", old ^ toggled);
	return 0;
}

/* Two bits of the gate's privilege level (DPL): bits 45 and 46, in the second word of four bytes. */
static int write_gate(u32 count, bool protected)
{
	struct desc_ptr table;

	store_idt(&table);
	if (sizeof(long) == 8)
		return write_entry(count, table.address + UNUSED_VECTOR * sizeof(gate_desc), (unsigned long)(3ull << 45), protected);
	return write_entry(count, table.address + UNUSED_VECTOR * sizeof(gate_desc) + 4, 3ul << 13, protected);
}

static int gate(u32 count) { return write_gate(count, false); }
static int gatewp(u32 count) { return write_gate(count, true); }

/* The limit's low bits of a descriptor that is not present. */
static int write_descriptor(u32 count, bool protected)
{
	struct desc_ptr table;

	native_store_gdt(&table);
	return write_entry(count, table.address + UNUSED_DESCRIPTOR * sizeof(struct desc_struct), 0xffff, protected);
}

static int descriptor(u32 count) { return write_descriptor(count, false); }
static int descriptorwp(u32 count) { return write_descriptor(count, true); }

/* ---- control registers ---- */

static int write_register(u32 count, void (*write)(unsigned long, unsigned long), const char *site, unsigned long value)
{
	unsigned long flags;
	u32 i;

	for (i = 0; i < count; i++) {
		local_irq_save(flags);
		write(0, 0);
		local_irq_restore(flags);
	}
	return tell(count, site, "value=0x%lx", value, 0, 0);
}

static int cr0(u32 count) { return write_register(count, vmipl_cr0, vmipl_cr0_site, read_cr0()); }
static int cr3(u32 count) { return write_register(count, vmipl_cr3, vmipl_cr3_site, __native_read_cr3()); }
static int cr4(u32 count) { return write_register(count, vmipl_cr4, vmipl_cr4_site, native_read_cr4()); }

/* IA32_TSC_AUX: i + 0x1000 for write i, in the last one what it held before. */
static int wrmsr_(u32 count)
{
	unsigned long flags;
	u32 old, high, i;

	if (rdmsr_safe(MSR_TSC_AUX, &old, &high))
		return -ENODEV;
	for (i = 0; i < count; i++) {
		local_irq_save(flags);
		vmipl_wrmsr(MSR_TSC_AUX, i + 1 < count ? 0x1000 + i : old);
		local_irq_restore(flags);
	}
	return tell(count, vmipl_wrmsr_site, "number=0x%lx first=0x%lx last=0x%lx", MSR_TSC_AUX, 0x1000, old);
}

/* ---- the same by instructions in the kernel's own text, for probes that look for sites there only ---- */

static int kernel_lgdt(u32 count)
{
	unsigned long flags;
	struct desc_ptr table;
	u32 i;

	for (i = 0; i < count; i++) {
		local_irq_save(flags);
		load_fixmap_gdt(smp_processor_id());
		local_irq_restore(flags);
	}
	native_store_gdt(&table);
	return tell(count, (void *)load_fixmap_gdt, "base=0x%lx limit=0x%lx", table.address, table.size, 0);
}

static int kernel_cr0(u32 count)
{
	unsigned long flags;
	u32 i;

	for (i = 0; i < count; i++) {
		local_irq_save(flags);
		native_write_cr0(read_cr0());
		local_irq_restore(flags);
	}
	return tell(count, (void *)native_write_cr0, "value=0x%lx", read_cr0(), 0, 0);
}

/* The kernel writes CR4 only for a change: the bit that forbids user mode its time stamp counter goes on and off. */
static int kernel_cr4(u32 count)
{
	unsigned long flags, old = native_read_cr4();
	u32 i;

	if (count % 2 || (old & X86_CR4_TSD))
		return -EINVAL;
	local_irq_save(flags);
	for (i = 0; i < count; i++)
		cr4_update_irqsoff(i % 2 ? 0 : X86_CR4_TSD, i % 2 ? X86_CR4_TSD : 0);
	local_irq_restore(flags);
	return tell(count, (void *)cr4_update_irqsoff, "value=0x%lx changed=0x%lx", old, old | X86_CR4_TSD, 0);
}

/* ---- the file ---- */

static const struct {
	const char *verb;
	int (*work)(u32 count);
} verbs[] = {
	{ "lidt", lidt }, { "lgdt", lgdt }, { "gate", gate }, { "gatewp", gatewp },
	{ "descriptor", descriptor }, { "descriptorwp", descriptorwp },
	{ "cr0", cr0 }, { "cr3", cr3 }, { "cr4", cr4 }, { "wrmsr", wrmsr_ },
	{ "kernel-lgdt", kernel_lgdt }, { "kernel-cr0", kernel_cr0 }, { "kernel-cr4", kernel_cr4 },
};

static ssize_t obey(struct file *file, const char __user *text, size_t size, loff_t *at)
{
	char line[40] = "", *count = line, *verb;
	u32 number, i;
	int result;

	if (size >= sizeof(line) || copy_from_user(line, text, size))
		return -EINVAL;
	verb = strsep(&count, " ");
	if (!count || kstrtou32(strim(count), 10, &number))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verb, verbs[i].verb) == 0) {
			result = verbs[i].work(number);
			return result ? result : size;
		}
	return -ENOENT;
}

static ssize_t answer(struct file *file, char __user *text, size_t size, loff_t *at)
{
	return simple_read_from_buffer(text, size, at, facts, strlen(facts));
}

static const struct proc_ops operations = { .proc_read = answer, .proc_write = obey, .proc_lseek = default_llseek };

static int __init start(void)
{
	return proc_create("vmipl_test", 0600, NULL, &operations) ? 0 : -ENOMEM;
}

static void __exit stop(void)
{
	remove_proc_entry("vmipl_test", NULL);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Privileged instructions of an exact number, for VmiPl's tests");
