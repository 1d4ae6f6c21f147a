/* What a set of experiments tells: what matters, who overfits, who did not converge, and
 * all of it in short.
 *
 * Each fills a table (which starts empty) and adds to `remark` what people should know
 * besides, in whole lines: how many experiments could not be used, and how little few
 * experiments say. None fails for want of experiments. */
#ifndef FT_TRACKER_ANALYZE_H
#define FT_TRACKER_ANALYZE_H

#include "base/error.h"
#include "base/text.h"
#include "tracker/experiments.h"
#include "tracker/table.h"

/* hyperparameter ("hp_..."), correlation, abs_correlation, spearman, ped_anova,
 * test_correlation (unless the split is test), effect: Pearson's and Spearman's
 * correlation of each hyperparameter that is a number with the metric of a split, over
 * the experiments that have both, and its share of importance by PED-ANOVA (ped_anova.h),
 * which choices have, too; the strongest correlation first, the first `top` of them (0:
 * all). Numbers whose largest is 10 times the smallest or more are looked at by their
 * logarithm, but by Pearson. `effect` says in words which way is better, and ends with
 * "(within chance)" where trials that cannot be told from the best (certainty.h) include
 * another choice, or both the least and the greatest value. The remark names what did not
 * vary, and the effects that turn within the range. `seed` is no hyperparameter: it makes
 * replicates. */
ft_status ft_analyze_importance(const ft_experiments *experiments, ft_metric metric, ft_split split,
                                size_t top, ft_table *table, ft_text *remark, ft_error *err);

/* experiment_id, train_mae, val_mae, ratio (val / train), overfitting_flag (ratio above
 * 1.3; null where unknown). */
ft_status ft_analyze_overfitting(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                                 ft_error *err);

/* experiment_id, epochs, initial_loss, final_loss, reduction (1 - final / initial),
 * increasing_pct (the fraction of steps from one epoch to the next in which the loss
 * rose; null with one epoch), convergence_issue (increasing_pct above 0.3),
 * best_val_epoch (of the lowest val_loss). */
ft_status ft_analyze_convergence(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                                 ft_error *err);

/* experiment_id, train_volatility_mean, test_volatility_mean, ratio (test / train),
 * regime_shift (ratio outside 1/1.5 ... 1.5): from data_insights, so experiments must
 * have been loaded whole. */
ft_status ft_analyze_regimes(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                             ft_error *err);

/* A row a metric of a split: metric, count, mean, std, min, median, max,
 * best_experiment, and best_test, its value on test, unless the split is test. The
 * remark tells how many succeeded, failed and are unfinished, how many overfit and
 * have convergence issues, the strongest hyperparameter for mae, and of test that it
 * is optimistic. */
ft_status ft_analyze_summary(const ft_experiments *experiments, ft_split split, ft_table *table,
                             ft_text *remark, ft_error *err);

#endif
