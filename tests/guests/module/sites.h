/* The instructions that the test module runs, each at a known address (sites.S). */
#pragma once

/* vmipl_NAME does the work; its one watched instruction stands at vmipl_NAME_site. */
#define SITE(name) \
	void vmipl_##name(unsigned long first, unsigned long second); \
	extern char vmipl_##name##_site[]

SITE(lidt);
SITE(lgdt);
SITE(cr0);
SITE(cr3);
SITE(cr4);
SITE(wrmsr);
SITE(store);
